import { describe, expect, it } from 'vitest';
import { factsIn } from '../../../test/build/side-knowledge.js';
import ikeLogs from './ike-log.js';

/* Lines of charon 5.9.8 (Debian 12), two daemons in network namespaces, each fault provoked by the configuration of one. */

const kindsIn = (...lines: string[]) =>
  factsIn(ikeLogs, lines).flatMap(({ events }) => events.map(({ kind }) => kind));

describe('charon 5.9.8', () => {
  it.each([
    [
      'other key, IKEv2, initiator',
      '10[IKE] received AUTHENTICATION_FAILED notify error',
      'authentication-failed',
    ],
    [
      'other key, IKEv2, responder',
      "07[IKE] tried 1 shared key for '192.0.2.2' - '192.0.2.1', but MAC mismatched",
      'authentication-failed',
    ],
    [
      'other key, IKEv1, initiator',
      '07[ENC] invalid HASH_V1 payload length, decryption failed?',
      'authentication-failed',
    ],
    [
      'other key, IKEv1, responder',
      '10[ENC] invalid ID_V1 payload length, decryption failed?',
      'authentication-failed',
    ],
    ['other proposal of IKE, responder', '12[IKE] received proposals unacceptable', 'no-proposal'],
    [
      'other proposal of ESP, initiator',
      '08[IKE] received NO_PROPOSAL_CHOSEN notify, no CHILD_SA built',
      'no-proposal',
    ],
    ['other proposal of ESP, responder', '09[IKE] no acceptable proposal found', 'no-proposal'],
    [
      'other proposal of ESP, IKEv1, responder',
      '13[IKE] no matching proposal found, sending NO_PROPOSAL_CHOSEN',
      'no-proposal',
    ],
    [
      'other networks, initiator',
      '05[IKE] received TS_UNACCEPTABLE notify, no CHILD_SA built',
      'selectors-refused',
    ],
    [
      'other networks, responder',
      '07[IKE] traffic selectors 10.2.0.0/16 === 10.1.0.0/16 unacceptable',
      'selectors-refused',
    ],
    [
      'other networks, IKEv1, initiator',
      '07[IKE] received INVALID_ID_INFORMATION error notify',
      'selectors-refused',
    ],
    [
      'other networks, IKEv1, responder',
      '13[IKE] no matching CHILD_SA config found for 10.1.0.0/16 === 10.2.0.0/16',
      'selectors-refused',
    ],
    [
      'no connection, or another version',
      '11[IKE] no IKE config found for 192.0.2.2...192.0.2.1, sending NO_PROPOSAL_CHOSEN',
      'no-connection',
    ],
    ['no ESP in the kernel', '08[KNL] received netlink error: Protocol not supported (93)', 'kernel-refused'],
    [
      'no ESP in the kernel, summed up',
      '08[IKE] unable to install inbound and outbound IPsec SA (SAD) in kernel',
      'kernel-refused',
    ],
    ['no answer, IKEv2', '11[IKE] retransmit 1 of request with message ID 0', 'retransmitted'],
    ['no answer, IKEv1', '15[IKE] sending retransmit 1 of request message ID 0, seq 3', 'retransmitted'],
    ['no answer, at last', '07[IKE] establishing IKE_SA failed, peer not responding', 'gave-up'],
  ])('%s', (_, said, kind) => expect(kindsIn(`Nov 30 20:03:02 ${said}`)).toEqual([kind]));

  it('names the peer and this side where no configuration fits', () => {
    const [{ events }] = factsIn(ikeLogs, [
      'Nov 30 20:03:04 11[IKE] no IKE config found for 192.0.2.2...192.0.2.1, sending NO_PROPOSAL_CHOSEN',
    ]);
    expect(events).toMatchObject([{ peer: '192.0.2.1', local: '192.0.2.2' }]);
  });

  it('passes over what goes well', () => {
    expect(
      kindsIn(
        "Nov 30 20:03:02 09[CFG] selected peer config 'c'",
        'Nov 30 20:03:02 08[IKE] peer supports MOBIKE',
        "Nov 30 20:03:02 09[IKE] authentication of '192.0.2.1' with pre-shared key successful",
        'Nov 30 20:03:02 08[IKE] scheduling rekeying in 13180s',
      ),
    ).toEqual([]);
  });
});
