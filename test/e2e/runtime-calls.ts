/** One call as a real runtime made it: what it wrote to a plugin's stdin, to the byte, and two of its variables. */
export interface RuntimeCall {
  readonly runtime: string
  readonly plugin: string
  readonly verb: string
  readonly ifname: string
  /** CNI_ARGS. */
  readonly args: string
  readonly stdin: string
}

/** Recorded from containerd 1.6.20 and 2.1.9 and from Podman 4.3.1, each with the reference plugins. */
export const runtimeCalls: readonly RuntimeCall[] = [
  {
    runtime: "containerd 2.1",
    plugin: "loopback",
    verb: "ADD",
    ifname: "lo",
    args: "K8S_POD_INFRA_CONTAINER_ID=c122c77c3c9cb82e38067c25cc9da6abfcafb45d9e63b23057b88fa26f350b39;K8S_POD_UID=u-1;IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web",
    stdin: '{"cniVersion":"0.3.1","name":"cni-loopback","type":"loopback"}',
  },
  {
    runtime: "containerd 2.1",
    plugin: "bridge",
    verb: "ADD",
    ifname: "eth0",
    args: "K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=c122c77c3c9cb82e38067c25cc9da6abfcafb45d9e63b23057b88fa26f350b39;K8S_POD_UID=u-1;IgnoreUnknown=1;K8S_POD_NAMESPACE=default",
    stdin:
      '{"bridge":"cni0","cniVersion":"1.0.0","hairpinMode":true,"ipMasq":true,"ipam":{"ranges":[[{"subnet":"10.22.0.0/16"}],[{"subnet":"fd22::/64"}]],"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}],"type":"host-local"},"isGateway":true,"name":"crinet","type":"bridge"}',
  },
  {
    runtime: "containerd 2.1",
    plugin: "portmap",
    verb: "ADD",
    ifname: "eth0",
    args: "K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=c122c77c3c9cb82e38067c25cc9da6abfcafb45d9e63b23057b88fa26f350b39;K8S_POD_UID=u-1;IgnoreUnknown=1;K8S_POD_NAMESPACE=default",
    stdin:
      '{"capabilities":{"portMappings":true},"cniVersion":"1.0.0","name":"crinet","prevResult":{"cniVersion":"1.0.0","interfaces":[{"mac":"06:79:e8:d7:37:1e","name":"cni0"},{"mac":"e6:88:62:39:4d:8c","name":"vethe752e321"},{"mac":"be:a7:8b:90:dd:77","name":"eth0","sandbox":"/var/run/netns/cni-8e6bf53f-ced8-8ffc-7956-241c90564bbe"}],"ips":[{"address":"10.22.0.2/16","gateway":"10.22.0.1","interface":2},{"address":"fd22::2/64","gateway":"fd22::1","interface":2}],"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}]},"runtimeConfig":{"portMappings":[{"HostPort":8080,"ContainerPort":80,"Protocol":"tcp","HostIP":""},{"HostPort":5353,"ContainerPort":53,"Protocol":"udp","HostIP":""}]},"type":"portmap"}',
  },
  {
    runtime: "containerd 2.1",
    plugin: "bandwidth",
    verb: "ADD",
    ifname: "eth0",
    args: "K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=c122c77c3c9cb82e38067c25cc9da6abfcafb45d9e63b23057b88fa26f350b39;K8S_POD_UID=u-1;IgnoreUnknown=1;K8S_POD_NAMESPACE=default",
    stdin:
      '{"capabilities":{"bandwidth":true},"cniVersion":"1.0.0","name":"crinet","prevResult":{"cniVersion":"1.0.0","interfaces":[{"mac":"06:79:e8:d7:37:1e","name":"cni0"},{"mac":"e6:88:62:39:4d:8c","name":"vethe752e321"},{"mac":"be:a7:8b:90:dd:77","name":"eth0","sandbox":"/var/run/netns/cni-8e6bf53f-ced8-8ffc-7956-241c90564bbe"}],"ips":[{"address":"10.22.0.2/16","gateway":"10.22.0.1","interface":2},{"address":"fd22::2/64","gateway":"fd22::1","interface":2}],"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}]},"runtimeConfig":{"bandwidth":{"IngressRate":10000000,"IngressBurst":4294967295,"EgressRate":20000000,"EgressBurst":4294967295}},"type":"bandwidth"}',
  },
  {
    runtime: "containerd 1.6",
    plugin: "loopback",
    verb: "DEL",
    ifname: "lo",
    args: "K8S_POD_UID=u-1;IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=ca4d1c04a8b344603304aeee5ffd21811627119c6d980e5c140d01bd2dc09daf",
    stdin: '{"cniVersion":"0.3.1","name":"cni-loopback","type":"loopback"}',
  },
  {
    runtime: "containerd 1.6",
    plugin: "bandwidth",
    verb: "DEL",
    ifname: "eth0",
    args: "K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=ca4d1c04a8b344603304aeee5ffd21811627119c6d980e5c140d01bd2dc09daf;K8S_POD_UID=u-1;IgnoreUnknown=1;K8S_POD_NAMESPACE=default",
    stdin:
      '{"capabilities":{"bandwidth":true},"cniVersion":"1.0.0","name":"crinet","prevResult":{"cniVersion":"1.0.0","dns":{},"interfaces":[{"mac":"c2:f4:d8:44:39:bd","name":"cni0"},{"mac":"6e:40:4b:a9:d3:a2","name":"veth27b67f84"},{"mac":"7e:b9:22:33:9c:16","name":"eth0","sandbox":"/var/run/netns/cni-763a97ec-3db5-1c2d-8637-db5d2346a4ee"},{"mac":"6e:e3:fa:c1:02:1c","name":"bwpa6db9f0035f7"}],"ips":[{"address":"10.22.0.2/16","gateway":"10.22.0.1","interface":2},{"address":"fd22::2/64","gateway":"fd22::1","interface":2}],"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}]},"runtimeConfig":{"bandwidth":{"IngressRate":10000000,"IngressBurst":4294967295,"EgressRate":20000000,"EgressBurst":4294967295}},"type":"bandwidth"}',
  },
  {
    runtime: "containerd 1.6",
    plugin: "portmap",
    verb: "DEL",
    ifname: "eth0",
    args: "K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=ca4d1c04a8b344603304aeee5ffd21811627119c6d980e5c140d01bd2dc09daf;K8S_POD_UID=u-1;IgnoreUnknown=1;K8S_POD_NAMESPACE=default",
    stdin:
      '{"capabilities":{"portMappings":true},"cniVersion":"1.0.0","name":"crinet","prevResult":{"cniVersion":"1.0.0","dns":{},"interfaces":[{"mac":"c2:f4:d8:44:39:bd","name":"cni0"},{"mac":"6e:40:4b:a9:d3:a2","name":"veth27b67f84"},{"mac":"7e:b9:22:33:9c:16","name":"eth0","sandbox":"/var/run/netns/cni-763a97ec-3db5-1c2d-8637-db5d2346a4ee"},{"mac":"6e:e3:fa:c1:02:1c","name":"bwpa6db9f0035f7"}],"ips":[{"address":"10.22.0.2/16","gateway":"10.22.0.1","interface":2},{"address":"fd22::2/64","gateway":"fd22::1","interface":2}],"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}]},"runtimeConfig":{"portMappings":[{"HostPort":8080,"ContainerPort":80,"Protocol":"tcp","HostIP":""},{"HostPort":5353,"ContainerPort":53,"Protocol":"udp","HostIP":""}]},"type":"portmap"}',
  },
  {
    runtime: "containerd 1.6",
    plugin: "bridge",
    verb: "DEL",
    ifname: "eth0",
    args: "K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=ca4d1c04a8b344603304aeee5ffd21811627119c6d980e5c140d01bd2dc09daf;K8S_POD_UID=u-1;IgnoreUnknown=1;K8S_POD_NAMESPACE=default",
    stdin:
      '{"bridge":"cni0","cniVersion":"1.0.0","hairpinMode":true,"ipMasq":true,"ipam":{"ranges":[[{"subnet":"10.22.0.0/16"}],[{"subnet":"fd22::/64"}]],"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}],"type":"host-local"},"isGateway":true,"name":"crinet","prevResult":{"cniVersion":"1.0.0","interfaces":[{"name":"cni0","mac":"c2:f4:d8:44:39:bd"},{"name":"veth27b67f84","mac":"6e:40:4b:a9:d3:a2"},{"name":"eth0","mac":"7e:b9:22:33:9c:16","sandbox":"/var/run/netns/cni-763a97ec-3db5-1c2d-8637-db5d2346a4ee"},{"name":"bwpa6db9f0035f7","mac":"6e:e3:fa:c1:02:1c"}],"ips":[{"interface":2,"address":"10.22.0.2/16","gateway":"10.22.0.1"},{"interface":2,"address":"fd22::2/64","gateway":"fd22::1"}],"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}],"dns":{}},"type":"bridge"}',
  },
  {
    runtime: "Podman 4.3",
    plugin: "bridge",
    verb: "ADD",
    ifname: "eth0",
    args: "IgnoreUnknown=1;K8S_POD_NAME=smp",
    stdin:
      '{"bridge":"cni-podman1","capabilities":{"ips":true},"cniVersion":"0.4.0","hairpinMode":true,"ipMasq":true,"ipam":{"ranges":[[{"gateway":"10.89.0.1","subnet":"10.89.0.0/24"}]],"routes":[{"dst":"0.0.0.0/0"}],"type":"host-local"},"isGateway":true,"name":"n1","type":"bridge"}',
  },
  {
    runtime: "Podman 4.3",
    plugin: "portmap",
    verb: "ADD",
    ifname: "eth0",
    args: "IgnoreUnknown=1;K8S_POD_NAME=smp",
    stdin:
      '{"capabilities":{"portMappings":true},"cniVersion":"0.4.0","name":"n1","prevResult":{"cniVersion":"0.4.0","dns":{},"interfaces":[{"mac":"22:54:6b:b4:5b:70","name":"cni-podman1"},{"mac":"ee:a7:c5:a1:50:3a","name":"vethf95f0ce3"},{"mac":"86:b2:4b:80:05:f7","name":"eth0","sandbox":"/run/netns/netns-d8bff5d5-a8d3-37a6-49d4-2d56ec3dab57"}],"ips":[{"address":"10.89.0.2/24","gateway":"10.89.0.1","interface":2,"version":"4"}],"routes":[{"dst":"0.0.0.0/0"}]},"runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]},"type":"portmap"}',
  },
  {
    runtime: "Podman 4.3",
    plugin: "firewall",
    verb: "ADD",
    ifname: "eth0",
    args: "IgnoreUnknown=1;K8S_POD_NAME=smp",
    stdin:
      '{"backend":"","cniVersion":"0.4.0","name":"n1","prevResult":{"cniVersion":"0.4.0","interfaces":[{"name":"cni-podman1","mac":"22:54:6b:b4:5b:70"},{"name":"vethf95f0ce3","mac":"ee:a7:c5:a1:50:3a"},{"name":"eth0","mac":"86:b2:4b:80:05:f7","sandbox":"/run/netns/netns-d8bff5d5-a8d3-37a6-49d4-2d56ec3dab57"}],"ips":[{"version":"4","interface":2,"address":"10.89.0.2/24","gateway":"10.89.0.1"}],"routes":[{"dst":"0.0.0.0/0"}],"dns":{}},"type":"firewall"}',
  },
  {
    runtime: "Podman 4.3",
    plugin: "tuning",
    verb: "ADD",
    ifname: "eth0",
    args: "IgnoreUnknown=1;K8S_POD_NAME=smp",
    stdin:
      '{"cniVersion":"0.4.0","name":"n1","prevResult":{"cniVersion":"0.4.0","interfaces":[{"name":"cni-podman1","mac":"22:54:6b:b4:5b:70"},{"name":"vethf95f0ce3","mac":"ee:a7:c5:a1:50:3a"},{"name":"eth0","mac":"86:b2:4b:80:05:f7","sandbox":"/run/netns/netns-d8bff5d5-a8d3-37a6-49d4-2d56ec3dab57"}],"ips":[{"version":"4","interface":2,"address":"10.89.0.2/24","gateway":"10.89.0.1"}],"routes":[{"dst":"0.0.0.0/0"}],"dns":{}},"type":"tuning"}',
  },
  {
    runtime: "Podman 4.3",
    plugin: "dnsname",
    verb: "ADD",
    ifname: "eth0",
    args: "IgnoreUnknown=1;K8S_POD_NAME=smp",
    stdin:
      '{"capabilities":{"aliases":true},"cniVersion":"0.4.0","domainName":"dns.podman","name":"n1","prevResult":{"cniVersion":"0.4.0","dns":{},"interfaces":[{"mac":"22:54:6b:b4:5b:70","name":"cni-podman1"},{"mac":"ee:a7:c5:a1:50:3a","name":"vethf95f0ce3"},{"mac":"86:b2:4b:80:05:f7","name":"eth0","sandbox":"/run/netns/netns-d8bff5d5-a8d3-37a6-49d4-2d56ec3dab57"}],"ips":[{"address":"10.89.0.2/24","gateway":"10.89.0.1","interface":2,"version":"4"}],"routes":[{"dst":"0.0.0.0/0"}]},"runtimeConfig":{"aliases":{"n1":["a1","5db6f1e758ff"]}},"type":"dnsname"}',
  },
  {
    runtime: "Podman 4.3",
    plugin: "dnsname",
    verb: "DEL",
    ifname: "eth0",
    args: "IgnoreUnknown=1;K8S_POD_NAME=smp",
    stdin:
      '{"capabilities":{"aliases":true},"cniVersion":"0.4.0","domainName":"dns.podman","name":"n1","prevResult":{"cniVersion":"0.4.0","dns":{"nameservers":["10.89.0.1"],"search":["dns.podman"]},"interfaces":[{"mac":"22:54:6b:b4:5b:70","name":"cni-podman1"},{"mac":"ee:a7:c5:a1:50:3a","name":"vethf95f0ce3"},{"mac":"86:b2:4b:80:05:f7","name":"eth0","sandbox":"/run/netns/netns-d8bff5d5-a8d3-37a6-49d4-2d56ec3dab57"}],"ips":[{"address":"10.89.0.2/24","gateway":"10.89.0.1","interface":2,"version":"4"}],"routes":[{"dst":"0.0.0.0/0"}]},"runtimeConfig":{"aliases":{"n1":["a1","5db6f1e758ff"]}},"type":"dnsname"}',
  },
  {
    runtime: "Podman 4.3",
    plugin: "bridge",
    verb: "DEL",
    ifname: "eth0",
    args: "IgnoreUnknown=1;K8S_POD_NAME=smp",
    stdin:
      '{"bridge":"cni-podman1","capabilities":{"ips":true},"cniVersion":"0.4.0","hairpinMode":true,"ipMasq":true,"ipam":{"ranges":[[{"gateway":"10.89.0.1","subnet":"10.89.0.0/24"}]],"routes":[{"dst":"0.0.0.0/0"}],"type":"host-local"},"isGateway":true,"name":"n1","prevResult":{"cniVersion":"0.4.0","interfaces":[{"name":"cni-podman1","mac":"22:54:6b:b4:5b:70"},{"name":"vethf95f0ce3","mac":"ee:a7:c5:a1:50:3a"},{"name":"eth0","mac":"86:b2:4b:80:05:f7","sandbox":"/run/netns/netns-d8bff5d5-a8d3-37a6-49d4-2d56ec3dab57"}],"ips":[{"version":"4","interface":2,"address":"10.89.0.2/24","gateway":"10.89.0.1"}],"routes":[{"dst":"0.0.0.0/0"}],"dns":{"nameservers":["10.89.0.1"],"search":["dns.podman"]}},"type":"bridge"}',
  },
]
