import "../../kit/fake-native.ts"
import { join } from "node:path"
import { NetlinkSocket } from "../../../lib/netlink/socket.ts"
import { Nft } from "../../../lib/nft/nft.ts"
import type { Family } from "../../../lib/nft/objects.ts"
import { matchGolden } from "../../kit/goldens.ts"
import { samplesOf, sampleTable } from "../../kit/nft-samples.ts"
import { commit, messagesOf } from "../netlink/batch-peer.ts"
import { Peer } from "../netlink/peer.ts"

test.each<Family>(["inet", "ip", "ip6", "bridge"])("sends for the samples of family %s what nft sends", family => {
  const { table, chain, other, sets } = sampleTable(family)
  const peer = new Peer(commit, commit)
  const nft = new Nft(new NetlinkSocket(peer))
  nft.transaction(t => {
    t.ensureTable(table)
    t.ensureChain(other)
    t.ensureChain(chain)
    for (const set of sets) t.ensureSet(set)
  })
  nft.transaction(t => {
    for (const { rule, comment } of samplesOf(family)) t.addRule(chain, rule, { comment })
  })
  const sent = peer.requests.flatMap(({ bytes }) => messagesOf(bytes))
  matchGolden(
    join(__dirname, `../../golden/nft-${family}.txt`),
    sent.map(({ bytes }) => ({ direction: "sent", bytes })),
  )
})
