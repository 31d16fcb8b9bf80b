import * as isakmp from '../layout.js';
import { mainModeStep } from '../progress.js';
import type { IkeExchange, IkeMessage, IkeSession } from '../session.js';

const EXCHANGES: Readonly<Record<number, string>> = {
  [isakmp.EXCHANGE_BASE]: 'base exchange',
  [isakmp.EXCHANGE_MAIN]: 'main mode',
  [isakmp.EXCHANGE_AUTHENTICATION_ONLY]: 'authentication only exchange',
  [isakmp.EXCHANGE_AGGRESSIVE]: 'aggressive mode',
  [isakmp.EXCHANGE_V1_INFORMATIONAL]: 'informational',
  [isakmp.EXCHANGE_TRANSACTION]: 'transaction (mode config, XAUTH)',
  [isakmp.EXCHANGE_QUICK]: 'quick mode',
  [isakmp.EXCHANGE_NEW_GROUP]: 'new group mode',
  [isakmp.EXCHANGE_SA_INIT]: 'IKE_SA_INIT',
  [isakmp.EXCHANGE_AUTH]: 'IKE_AUTH',
  [isakmp.EXCHANGE_CREATE_CHILD]: 'CREATE_CHILD_SA',
  [isakmp.EXCHANGE_V2_INFORMATIONAL]: 'INFORMATIONAL',
  [isakmp.EXCHANGE_SESSION_RESUME]: 'IKE_SESSION_RESUME',
  [isakmp.EXCHANGE_INTERMEDIATE]: 'IKE_INTERMEDIATE',
  [isakmp.EXCHANGE_FOLLOWUP_KE]: 'IKE_FOLLOWUP_KE',
};

const NOTIFIES_V1: Readonly<Record<number, string>> = {
  1: 'INVALID-PAYLOAD-TYPE',
  2: 'DOI-NOT-SUPPORTED',
  3: 'SITUATION-NOT-SUPPORTED',
  4: 'INVALID-COOKIE',
  5: 'INVALID-MAJOR-VERSION',
  6: 'INVALID-MINOR-VERSION',
  7: 'INVALID-EXCHANGE-TYPE',
  8: 'INVALID-FLAGS',
  9: 'INVALID-MESSAGE-ID',
  10: 'INVALID-PROTOCOL-ID',
  11: 'INVALID-SPI',
  12: 'INVALID-TRANSFORM-ID',
  13: 'ATTRIBUTES-NOT-SUPPORTED',
  14: 'NO-PROPOSAL-CHOSEN',
  15: 'BAD-PROPOSAL-SYNTAX',
  16: 'PAYLOAD-MALFORMED',
  17: 'INVALID-KEY-INFORMATION',
  18: 'INVALID-ID-INFORMATION',
  19: 'INVALID-CERT-ENCODING',
  20: 'INVALID-CERTIFICATE',
  21: 'CERT-TYPE-UNSUPPORTED',
  22: 'INVALID-CERT-AUTHORITY',
  23: 'INVALID-HASH-INFORMATION',
  24: 'AUTHENTICATION-FAILED',
  25: 'INVALID-SIGNATURE',
  26: 'ADDRESS-NOTIFICATION',
  27: 'NOTIFY-SA-LIFETIME',
  28: 'CERTIFICATE-UNAVAILABLE',
  29: 'UNSUPPORTED-EXCHANGE-TYPE',
  30: 'UNEQUAL-PAYLOAD-LENGTHS',
};

const NOTIFIES_V2: Readonly<Record<number, string>> = {
  1: 'UNSUPPORTED_CRITICAL_PAYLOAD',
  4: 'INVALID_IKE_SPI',
  5: 'INVALID_MAJOR_VERSION',
  7: 'INVALID_SYNTAX',
  9: 'INVALID_MESSAGE_ID',
  11: 'INVALID_SPI',
  14: 'NO_PROPOSAL_CHOSEN',
  17: 'INVALID_KE_PAYLOAD',
  24: 'AUTHENTICATION_FAILED',
  34: 'SINGLE_PAIR_REQUIRED',
  35: 'NO_ADDITIONAL_SAS',
  36: 'INTERNAL_ADDRESS_FAILURE',
  37: 'FAILED_CP_REQUIRED',
  38: 'TS_UNACCEPTABLE',
  39: 'INVALID_SELECTORS',
  40: 'UNACCEPTABLE_ADDRESSES',
  41: 'UNEXPECTED_NAT_DETECTED',
  42: 'USE_ASSIGNED_HoA',
  43: 'TEMPORARY_FAILURE',
  44: 'CHILD_SA_NOT_FOUND',
  45: 'INVALID_GROUP_ID',
  46: 'AUTHORIZATION_FAILED',
  47: 'STATE_NOT_FOUND',
  48: 'TS_MAX_QUEUE',
};

/** Name of an error notify as the version's RFC writes it. */
export function notifyName(version: number, type: number): string {
  const name = (version === 1 ? NOTIFIES_V1 : NOTIFIES_V2)[type];
  return name ? `${name} (${type})` : `error notify ${type}`;
}

export function exchangeName(exchangeType: number): string {
  return EXCHANGES[exchangeType] ?? `exchange type ${exchangeType}`;
}

/** "MI1", "quick mode message", "IKE_AUTH request": what an operator finds in logs and in Wireshark. */
export function messageName(session: IkeSession, exchange: IkeExchange, message: IkeMessage): string {
  if (session.version === 2) {
    return `${exchangeName(exchange.exchangeType)} ${message.isResponse ? 'response' : 'request'}`;
  }
  const side = message.from === 'initiator' ? 'I' : 'R';
  const own = exchange.messages.filter(({ from }) => from === message.from);
  switch (exchange.exchangeType) {
    case isakmp.EXCHANGE_MAIN:
      return `M${side}${mainModeStep(message) || '?'}`;
    case isakmp.EXCHANGE_AGGRESSIVE:
      return `A${side}${own.indexOf(message) + 1}`;
    case isakmp.EXCHANGE_QUICK:
      return `Q${message.from === exchange.from ? 'I' : 'R'}${own.indexOf(message) + 1}`;
    default:
      return `${exchangeName(exchange.exchangeType)} message`;
  }
}
