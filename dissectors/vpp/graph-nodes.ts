/*
 * What the names of graph nodes say. VPP has over a thousand nodes and plug-ins add more, so the names that matter are
 * told by their form.
 */

const DROP = /^(?:drop|error-drop|(?:ip[46]|mpls|l2|bier|sfdp|feature-bitmap)-drop)$/;
const PUNT = /punt/;
const TX = /-tx$/;
/** Ends in -tx, yet is no driver: the packet goes on to a lookup. */
const CNAT_TX = /cnat-tx$/;
const OUTPUT = /^(?!interface-output$).+-output$/;
const ICMP_ERROR = /^ip[46]-icmp-error$/;
const CNAT = /cnat/;
const LOOKUP = /^ip[46]-lookup$/;
const LOCAL = /^ip[46]-(?:local|receive)/;
/** Looks for who takes a packet that is for VPP itself. */
const LOCAL_LOOKUP = /^ip[46]-(?:udp-lookup|local-end-of-arc|icmp-error)$/;
const REWRITE = /^ip[46]-(?:rewrite|midchain)/;
const RESOLVE = /^(?:ip[46]-(?:glean|arp)|ip6-discover-neighbor|adj-.*-incomplete)$/;
const START = /^(?:ethernet-input|ip[46]-input(?:-no-checksum)?)$/;
/** Takes a header off or turns a packet round, so that an input node may follow once more. */
const REINPUT =
  /vxlan|geneve|gre|ipip|ip6?ip|esp|ah[46]|wg[46]|wireguard|gtpu|decap|^sr-|srv6|mpls|l2tp|pppoe|lisp|bvi|loop|^l2-|midchain|reass|bond|vlan|pipe|punt|replicate/;
/** Nodes that always hand a packet on: where a path ends in one, its rest is missing. */
const FORWARDS =
  /^(?:ethernet-input|interface-output|ip[46]-(?:input(?:-no-checksum)?|lookup|load-balance|rewrite|midchain|cnat-(?:tx|return))|cnat-(?:input|lookup|writeback|output|snat)-ip[46].*)$/;
/** Where a packet is kept, copied, or given to another core: nothing follows that this trace would show. */
const HOLDS = /handoff|reass|crypto|-post$|worker|replicate|flood|span/;
/** Housekeeping of the link and of neighbours: such packets end in a drop node when their work is done. */
const HOUSEKEEPING =
  /^(?:arp-|icmp6-|ip6-icmp-(?!error)|ip6-link|ip6-nd|igmp|dhcp|lldp|cdp|llc-|snap-|osi-|bfd-|lacp|bond-input|ip[46]-mfib|l2-flood|spanning)/;

export const isDropNode = (node: string): boolean => DROP.test(node);
export const isPuntNode = (node: string): boolean => PUNT.test(node);
export const isTxNode = (node: string): boolean => TX.test(node) && !CNAT_TX.test(node);
export const isOutputNode = (node: string): boolean => OUTPUT.test(node);
export const isIcmpErrorNode = (node: string): boolean => ICMP_ERROR.test(node);
export const isCnatNode = (node: string): boolean => CNAT.test(node);
export const isLookupNode = (node: string): boolean => LOOKUP.test(node);
export const isLocalNode = (node: string): boolean => LOCAL.test(node);
export const isLocalLookup = (node: string): boolean => LOCAL_LOOKUP.test(node);
export const isRewriteNode = (node: string): boolean => REWRITE.test(node);
export const isResolvingNode = (node: string): boolean => RESOLVE.test(node);
export const isStartNode = (node: string): boolean => START.test(node);
export const mayInputAgain = (node: string): boolean => REINPUT.test(node);
export const alwaysForwards = (node: string): boolean => FORWARDS.test(node);
export const holdsPackets = (node: string): boolean => HOLDS.test(node);
export const isHousekeepingNode = (node: string): boolean => HOUSEKEEPING.test(node);

/** Kind of the interface that an output or tx node belongs to: `tun` of `tun4-output`. */
export function interfaceKind(node: string): string {
  return /^[A-Za-z_-]*/.exec(node)?.[0] ?? '';
}
