import { describe, expect, it } from 'vitest';
import { factsIn } from '../../../test/build/side-knowledge.js';
import ikeLogs from './ike-log.js';

const read = (...lines: string[]) => factsIn(ikeLogs, lines);

describe('logs of IKE daemons', () => {
  /** What the openswan guide shows. */
  const UP = [
    '104 "sg1--sg2-net" #796: STATE_MAIN_I1: initiate',
    '003 "sg1--sg2-net" #796: received Vendor ID payload [Dead Peer Detection]',
    '106 "sg1--sg2-net" #796: STATE_MAIN_I2: sent MI2, expecting MR2',
    '004 "sg1--sg2-net" #796: STATE_MAIN_I4: ISAKMP SA established',
    '004 "sg1--sg2-net" #797: STATE_QUICK_I2: sent QI2, IPsec SA established {ESP=>0xaa6fa19a <0xa2f3b68d xfrm=3DES_0-HMAC_SHA1 NATD=none DPD=enabled}',
  ];

  it('reads ipsec auto --up', () => {
    const [log] = read('sg1 # ipsec auto --up sg1--sg2-net', ...UP);
    expect(log?.events.map(({ kind }) => kind)).toEqual([
      'initiated',
      'ike-established',
      'child-established',
    ]);
    expect(log?.sas).toEqual([
      {
        origin: { file: 'pasted.txt', place: 'line 6' },
        connection: 'sg1--sg2-net',
        peer: null,
        protocol: 'esp',
        outboundSpi: 0xaa6f_a19a,
        inboundSpi: 0xa2f3_b68d,
        inUdp: false,
        nat: null,
        localNetworks: [],
        remoteNetworks: [],
      },
    ]);
  });

  it.each([
    [
      'ESP/NAT=>0x0000abcd <0x12345678 xfrm=AES_128-HMAC_SHA1 NATOA=none NATD=192.0.2.9:4500 DPD=none',
      true,
      '192.0.2.9:4500',
    ],
    [
      'ESPinUDP=>0x0000abcd <0x12345678 xfrm=AES_GCM_16_256-NONE NATD=192.0.2.9:61244 DPD=active',
      true,
      '192.0.2.9:61244',
    ],
    ['ESP/ESN=>0x0000abcd <0x12345678 xfrm=AES_GCM_16_256-NONE DPD=passive', false, null],
  ])('reads the SAs of %s', (sa, inUdp, nat) => {
    const [log] = read(
      `Jan 12 10:11:12 sg1 pluto[4711]: "net"[2] 192.0.2.9 #5: IPsec SA established tunnel mode {${sa}}`,
    );
    expect(log?.sas).toMatchObject([
      { connection: 'net', peer: '192.0.2.9', outboundSpi: 0xabcd, inboundSpi: 0x1234_5678, inUdp, nat },
    ]);
  });

  it('reads charon, whose SPIs are named by direction', () => {
    const [log] = read(
      '05[IKE] <net|1> initiating IKE_SA net[1] to 192.0.2.9',
      'Jan 12 moon charon: 09[IKE] IKE_SA net[1] established between 198.51.100.7[moon]...192.0.2.9[sun]',
      '09[IKE] <net|1> CHILD_SA net{1} established with SPIs c2b0a2fc_i cf1c3b0a_o and TS 10.1.0.0/16 === 10.2.0.0/16 10.3.0.0/16',
      '11[IKE] <net|2> received AUTHENTICATION_FAILED notify error',
      '12[IKE] giving up after 5 retransmits',
    );
    expect(log?.events.map(({ kind, peer }) => [kind, peer])).toEqual([
      ['initiated', '192.0.2.9'],
      ['ike-established', '192.0.2.9'],
      ['child-established', null],
      ['authentication-failed', null],
      ['gave-up', null],
    ]);
    expect(log?.sas).toMatchObject([
      {
        connection: 'net',
        inboundSpi: 0xc2b0_a2fc,
        outboundSpi: 0xcf1c_3b0a,
        localNetworks: ['10.1.0.0/16'],
        remoteNetworks: ['10.2.0.0/16', '10.3.0.0/16'],
      },
    ]);
  });

  it.each([
    [
      'authentication-failed',
      'malformed payload in packet. Probable authentication failure (mismatch of preshared secrets?)',
    ],
    [
      'gave-up',
      'max number of retransmissions (2) reached STATE_MAIN_I3.  Possible authentication failure: no acceptable response to our first encrypted message',
    ],
    ['no-proposal', 'ignoring informational payload, type NO_PROPOSAL_CHOSEN'],
    ['retransmitted', 'STATE_MAIN_I3: retransmission; will wait 20s for response'],
    ['nat-decision', 'NAT-Traversal: Result using RFC 3947 (NAT-Traversal): i am NATed'],
  ])('takes %s from pluto', (kind, sentence) => {
    expect(read(`"net" #3: ${sentence}`)[0]?.events).toMatchObject([{ kind, text: sentence }]);
  });

  it("does not take pluto's guess for a refusal", () => {
    const guess =
      'max number of retransmissions (2) reached STATE_MAIN_I3.  Possible authentication failure: no acceptable response';
    expect(read(`"net" #3: ${guess}`)[0]?.events.map(({ kind }) => kind)).not.toContain(
      'authentication-failed',
    );
  });

  it('finds nothing in other logs', () => {
    expect(read('Jan 12 sshd[1]: Accepted publickey for root', '{"a": "b"}')).toEqual([]);
  });
});

/* Written by pluto of libreswan 4.10 (Debian 12), two of which were set against each other. */
describe('sentences of libreswan', () => {
  it.each([
    ['authentication-failed', `"net" #1: authentication failed: no PSK found for '192.0.2.2'`],
    [
      'authentication-failed',
      `"net" #1: authentication failed: computed hash does not match hash received from peer ID_IPV4_ADDR '192.0.2.1'`,
    ],
    [
      'authentication-failed',
      '003 "net" #1: IKE SA authentication request rejected by peer: AUTHENTICATION_FAILED',
    ],
    [
      'no-proposal',
      '"net" #1: no local proposal matches remote proposals 1:IKE:ENCR=AES_CBC_128;PRF=HMAC_SHA1;INTEG=HMAC_SHA1_96;DH=MODP2048',
    ],
    ['no-proposal', '003 "net" #2: IKE_AUTH response rejected Child SA with NO_PROPOSAL_CHOSEN'],
    ['selectors-refused', '003 "net" #2: IKE_AUTH response rejected Child SA with TS_UNACCEPTABLE'],
    [
      'selectors-refused',
      '"net" #1: cannot respond to IPsec SA request because no connection is known for 10.2.0.0/24===192.0.2.2...192.0.2.1===10.1.0.0/24',
    ],
    ['selectors-refused', '"net" #1: received and ignored notification payload: INVALID_ID_INFORMATION'],
    ['pfs-required', '"net" #2: we require PFS but Quick I1 SA specifies no GROUP_DESCRIPTION'],
    [
      'no-connection',
      'packet from 192.0.2.1:500: ISAKMP_v2_IKE_SA_INIT message received on 192.0.2.2:500 but no suitable connection found with IKEv2 policy',
    ],
    [
      'no-connection',
      '"net": failed to add IKEv1 connection: global ikev1-policy does not allow IKEv1 connections',
    ],
    [
      'kernel-refused',
      'ERROR: "net" #2: netlink response for Add SA esp.4c4fb791@192.0.2.1: Function not implemented (errno 38)',
    ],
    [
      'ike-established',
      '"net" #1: IKE SA established {auth=PRESHARED_KEY cipher=AES_CBC_256 integ=HMAC_SHA2_256 group=MODP2048}',
    ],
  ])('%s: %s', (kind, line) => {
    const stamped = line.startsWith('0') ? line : `Nov 30 22:49:51.498454: ${line}`;
    expect(factsIn(ikeLogs, [stamped])[0]?.events.map((event) => event.kind)).toEqual([kind]);
  });
});
