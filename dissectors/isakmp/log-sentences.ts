/* What IKE daemons say when they fail: pluto (openswan, libreswan 3 to 5) and charon (strongSwan). */

export type IkeLogEventKind =
  | 'initiated'
  | 'retransmitted'
  | 'gave-up'
  | 'ike-established'
  | 'child-established'
  | 'authentication-failed'
  | 'no-connection'
  | 'no-proposal'
  | 'selectors-refused'
  | 'pfs-required'
  | 'message-too-long'
  | 'updown-failed'
  | 'kernel-refused'
  | 'nat-decision'
  | 'sent-size';

/** Kinds with the sentences that say so; the first one that fits counts. Patterns are linear in the length of a line. */
export const SENTENCES: readonly (readonly [IkeLogEventKind, RegExp])[] = [
  // Before the sentence about connections: in the second phase it is the networks that fit none.
  ['selectors-refused', /cannot respond to IPsec SA request because no connection is known for/],
  [
    'no-connection',
    /failed to add \S{0,6} ?connection\b|no connection named "|no connection has been authorized|no matching connection has been authorized|no suitable connection found|no connection is known for|no IKE config found|no matching peer config found|no peer config found|no alternative config found/i,
  ],
  ['pfs-required', /we require PFS but|PFS is required|but Quick I1 SA specifies no GROUP_DESCRIPTION/i],
  [
    'selectors-refused',
    /TS_UNACCEPTABLE|INVALID_ID_INFORMATION|traffic selectors .{1,400} unacceptable|no acceptable traffic selectors|no matching CHILD_SA config found|ID payload in Quick I1.{0,200}unacceptable|subnet returned doesn't match my proposal/i,
  ],
  [
    'authentication-failed',
    /AUTHENTICATION_FAILED|authentication failed|probable authentication failure|but MAC mis-?matched|no shared key found|no preshared key found|can't authenticate|unable to locate my private key|no (?:\S{1,20} )?private key found|no trusted .{1,60} public key found|no RSA public key known|invalid (?:ID|HASH)_V1 payload length|does not match HASH payload|PSK AUTH mismatch|constraint check failed/i,
  ],
  [
    'no-proposal',
    /NO_PROPOSAL_CHOSEN|no acceptable (?:oakley )?(?:transform|proposal)|no proposal (?:chosen|found)|received proposals unacceptable|DH group \S{1,40} unacceptable|no local proposal matches|peer likes no proposal|proposals do not contain a valid DH/i,
  ],
  ['message-too-long', /Message too long|\bEMSGSIZE\b|\berrno 90\b/i],
  [
    'updown-failed',
    /\b(?:prepare|route|unroute|up|down|disconnect)-(?:client|host)(?:-v6)? (?:command exited|output: .{0,200}(?:RTNETLINK|not found|error|cannot|can't|denied|No such))|\bupdown\b.{0,200}(?:RTNETLINK|not found|error|failed|cannot|denied|No such)|RTNETLINK answers: (?!File exists)/i,
  ],
  [
    'kernel-refused',
    /unable to install .{0,40}(?:IPsec SA|IPsec polic)|netlink response for (?:Add|Del|Upd|Get)\w{0,6} SA\b|no acceptable kernel algorithms|netlink .{0,60}(?:failed|error)/i,
  ],
  [
    'gave-up',
    /max number of retransmissions \(\d{1,4}\) reached|giving up after \d{1,4} retransmits|peer not responding|asynchronous network error report|ECONNREFUSED/,
  ],
  [
    'retransmitted',
    /retransmission; will wait|^retransmit \d{1,4} of (?:request|response) with message ID|^sending retransmit \d{1,4} of (?:request|response) message ID/,
  ],
  [
    'sent-size',
    /emitting length of ISAKMP Message: \d{1,6}|^sending packet: from .{1,120} \(\d{1,6} bytes\)/,
  ],
  [
    'child-established',
    /IPsec SA established|CHILD_SA .{1,200} established|established Child SA|Child SA using #\d/,
  ],
  [
    'ike-established',
    /ISAKMP SA established|IKE SA established|^IKE_SA .{1,200} established|PARENT SA established|established IKE SA/i,
  ],
  [
    'nat-decision',
    /NAT-Traversal: Result using|(?:local|remote) host is behind NAT|no NAT detected|i am NATed|peer is NATed|both are NATed/i,
  ],
  ['initiated', /^(?:STATE_\w+: )?initiate\b|^initiating |^sent IKE_SA_INIT request/i],
];

/** What follows from a sentence of failure. */
export interface IkeRemedy {
  readonly conclusion: string;
  readonly steps: readonly string[];
}

/** Kinds that explain a failure, the most telling first. */
export const REMEDIES: ReadonlyMap<IkeLogEventKind, IkeRemedy> = new Map([
  [
    'no-connection',
    {
      conclusion:
        'no connection of the configuration there fits the addresses, identities or subnets that were asked for',
      steps: [
        'On the side whose log it is: ipsec auto --status (swanctl --list-conns): is the connection loaded, with left and right as the packets have them?',
        'Compare left, right, leftid, rightid, leftsubnet, rightsubnet and authby of both sides; behind a NAT the peer has the address of the NAT: right=%any',
      ],
    },
  ],
  [
    'authentication-failed',
    {
      conclusion: 'the two sides do not accept each other: keys, certificates or identities differ',
      steps: [
        'Compare ipsec.secrets (PSK with both identities), or the certificates and leftid/rightid, of both sides; then ipsec auto --rereadall and --replace',
        'Test with raw RSA keys, which rule out certificates and typing',
      ],
    },
  ],
  [
    'pfs-required',
    {
      conclusion: 'one side demands perfect forward secrecy and the other does not offer it',
      steps: ['Set pfs= to the same value on both sides (strongSwan: a DH group in esp_proposals, or none)'],
    },
  ],
  [
    'selectors-refused',
    {
      conclusion: 'the protected networks of the two sides differ',
      steps: [
        'leftsubnet of one side must be rightsubnet of the other, with the same masks (swanctl: local_ts and remote_ts)',
      ],
    },
  ],
  [
    'no-proposal',
    {
      conclusion: 'the policies of the two sides have no algorithm in common',
      steps: [
        'Compare ike= and esp= (phase2alg), the DH groups and the lifetimes of both sides (swanctl: proposals, esp_proposals)',
      ],
    },
  ],
  [
    'message-too-long',
    {
      conclusion:
        'the message is larger than the path takes and must not be fragmented, so that it never leaves',
      steps: [
        'Leave out the certificate: leftsendcert=never, with the certificate copied to the other side; or fragmentation=yes (IKE fragments)',
        'ip link show: the MTU of the interface; ip route get PEER: a cached path MTU',
      ],
    },
  ],
  [
    'updown-failed',
    {
      conclusion: 'the tunnel is up, and the script that sets its routes failed',
      steps: [
        'Run what the line names by hand; is the ip command (iproute2) installed where the script looks for it?',
        'ip route get DESTINATION on the gateway: does traffic for the tunnel take the right way?',
      ],
    },
  ],
  [
    'kernel-refused',
    {
      conclusion: 'the kernel did not take the SA: a module or an algorithm is missing',
      steps: ['ipsec verify; lsmod | grep -E "esp4|xfrm"; modprobe the algorithm that the line names'],
    },
  ],
  [
    'gave-up',
    {
      conclusion: 'the peer did not answer, however often it was asked',
      steps: [
        "Capture on both ends at once: tcpdump -ni IFACE -w sgN.pcap 'host PEER and not port 22'; does each packet that leaves one side arrive at the other?",
      ],
    },
  ],
]);
