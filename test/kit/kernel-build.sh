#!/bin/sh
# kernel-build.sh FOLDER
#
# Builds FOLDER/linux, the test kernel: User Mode Linux from Debian's linux-source package with uml.config, one static
# file without modules. Takes ten minutes once; installs the tools it lacks.
set -eu
folder=$(mkdir -p "$1" && cd "$1" && pwd)
config=$(dirname "$(readlink -f "$0")")/uml.config
log=$folder/build.log
source=$folder/source
trap 'status=$?; [ $status = 0 ] || echo "kernel-build: failed, see $log" >&2' EXIT

command -v apt-get >/dev/null || {
  echo "kernel-build: needs Debian's linux-source package; elsewhere set PATCHBAY_TEST_KERNEL to a User Mode Linux" >&2
  exit 1
}
missing=
for package in gcc make flex bison bc libc6-dev perl xz-utils; do
  dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q ^ii || missing="$missing $package"
done
{
  apt-get update
  # shellcheck disable=SC2086
  [ -z "$missing" ] || apt-get install -y --no-install-recommends --no-upgrade $missing
  package=$(apt-cache depends linux-source | sed -n 's/.*Depends: \(linux-source-.*\)/\1/p' | head -n 1)
  rm -rf "$source"
  mkdir -p "$source"
  cd "$source"
  apt-get download "$package"
  dpkg-deb -x ./*.deb .
  tar -xJf usr/src/linux-source-*.tar.xz
  cd linux-source-*/
  make ARCH=um defconfig
  scripts/kconfig/merge_config.sh -m .config "$config"
  make ARCH=um olddefconfig
  make ARCH=um -j"$(nproc)" linux
  strip -o "$folder/linux.new" linux
  mv "$folder/linux.new" "$folder/linux"
  cd "$folder"
  rm -rf "$source"
} >"$log" 2>&1
