#!/bin/sh
# kernel-build.sh FOLDER
#
# Builds FOLDER/linux, the test kernel: User Mode Linux from Debian's linux-source package with uml.config, one static
# file without modules. Takes ten minutes once; installs the tools it lacks. The source is sid's: before Linux 6.16,
# User Mode Linux does not run on today's kernels. sid gets an apt of its own below FOLDER, so that the machine's
# package sources stay as they are.
set -eu
folder=$(mkdir -p "$1" && cd "$1" && pwd)
config=$(dirname "$(readlink -f "$0")")/uml.config
log=$folder/build.log
work=$folder/work
trap 'status=$?; [ $status = 0 ] || echo "kernel-build: failed, see $log" >&2' EXIT

command -v apt-get >/dev/null || {
  echo "kernel-build: needs Debian's linux-source package; elsewhere set PATCHBAY_TEST_KERNEL to a User Mode Linux" >&2
  exit 1
}

install_tools() {
  missing=
  for package in gcc make flex bison bc libc6-dev perl xz-utils; do
    dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q ^ii || missing="$missing $package"
  done
  # shellcheck disable=SC2086
  [ -z "$missing" ] || { apt-get update && apt-get install -y --no-install-recommends --no-upgrade $missing; }
}

# Points apt at sid of the mirror that the machine itself uses.
use_sid() {
  mirror=$(apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 'Created-By: Packages' |
    sed -n 's/^Debian Debian //p' | head -n 1)
  apt=$work/apt
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/empty"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$apt/sources.list"
  cat >"$apt/apt.conf" <<END
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "$apt/empty";
Dir::Etc::preferences "$apt/none";
Dir::Etc::preferencesparts "$apt/empty";
Dir::State::status "/dev/null";
Dir::State::lists "$apt/lists";
Dir::Cache "$apt/cache";
APT::Sandbox::User "root";
END
  export APT_CONFIG="$apt/apt.conf"
  apt-get update
}

build() {
  rm -rf "$work"
  mkdir -p "$work"
  install_tools
  use_sid
  cd "$work"
  apt-get download "$(apt-cache depends linux-source | sed -n 's/.*Depends: \(linux-source-.*\)/\1/p' | head -n 1)"
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
  rm -rf "$work"
}

build >"$log" 2>&1
