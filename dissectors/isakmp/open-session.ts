import type { FrameRef } from '../../src/moment.js';
import { PORT_IKE, PORT_NAT_TRAVERSAL } from '../../src/wire/transport.js';
import * as isakmp from './layout.js';
import type { MessageFacts } from './message-facts.js';
import { childrenOf, establishedBy } from './progress.js';
import type { IkeExchange, IkeNotify, IkePath, IkePeer, IkeRole, IkeSession, NatCheck } from './session.js';
import { addTransmission, isSameMessage, type Mutable, type TrackedMessage } from './transmissions.js';
import { vendorNames } from './vendor-ids.js';

const MESSAGES_PER_EXCHANGE_MAX = 16;
const PATHS_MAX = 8;
const NAT_CHECKS_MAX = 16;
const NOTIFIES_MAX = 16;
/** Exchanges of one session that are kept when an epoch ends: the first ones, and those that say most. */
const EXCHANGES_FIRST_KEPT = 16;
const EXCHANGES_KEPT = 128;

interface TrackedExchange extends Mutable<IkeExchange> {
  messages: TrackedMessage[];
}

interface TrackedPeer {
  vendors: number;
  vendorsUnknown: number;
  announcesNatTraversal: boolean;
  timeToLive: number;
  proposal: IkePeer['proposal'];
}

/** An IKE SA while its messages come in. */
export class OpenSession {
  last: FrameRef;
  private responderSpi: string | null = null;
  private startSeen = false;
  private rolesKnown = false;
  private usesPort500 = false;
  private usesPort4500 = false;
  private exchangesAggregated = 0;
  private readonly paths: IkePath[] = [];
  private readonly exchanges = new Map<string, TrackedExchange>();
  private readonly peers: Record<IkeRole, TrackedPeer> = { initiator: noPeer(), responder: noPeer() };
  private readonly lastFrom: Record<IkeRole, FrameRef | null> = { initiator: null, responder: null };
  private readonly messageCount: Record<IkeRole, number> = { initiator: 0, responder: 0 };
  private readonly notifies: IkeNotify[] = [];
  private readonly natChecks: NatCheck[] = [];
  /** Sender, path and digest of the messages in `natChecks`: repetitions say nothing new. */
  private readonly natChecked = new Set<string>();
  /** Whose messages were seen between two pairs of addresses at once. */
  private readonly otherViews: Record<IkeRole, boolean> = { initiator: false, responder: false };
  /** Frames whose direction marks put the capture at the initiator or at the responder. */
  private readonly markedAt: Record<IkeRole, number> = { initiator: 0, responder: 0 };

  constructor(private readonly opening: MessageFacts) {
    this.last = opening.ref;
  }

  /** Same version, and an address in common: cookies of unrelated sessions may be equal. */
  matches(facts: MessageFacts): boolean {
    return (
      (facts.version === this.opening.version || this.isRefusedBy(facts)) &&
      this.paths.some(
        ({ initiator, responder, stack }) =>
          stack === facts.stack &&
          [facts.from, facts.to].some((one) => one === initiator || one === responder),
      )
    );
  }

  /** A peer that lacks the version says so in the one that it has, with the cookies of the request (RFC 7296 section 2.5). */
  private isRefusedBy({ notifyType, from, to }: MessageFacts): boolean {
    return (
      notifyType === isakmp.NOTIFY_INVALID_MAJOR_VERSION &&
      this.paths.some(({ initiator, responder }) => from === responder && to === initiator)
    );
  }

  add(facts: MessageFacts): void {
    const role = this.roleOf(facts);
    const path = this.pathOf(facts, role);
    this.last = facts.ref;
    this.noteSession(facts, role);
    const exchange = this.exchangeOf(facts, role);
    const message = this.messageOf(exchange, facts, role);
    if (!message) {
      exchange.messagesDropped++;
      return;
    }
    this.noteContents(message, facts, role, path);
    const transmission = addTransmission(message, facts, path);
    if (transmission === 'new') this.messageCount[role]++;
    else if (transmission === 'other-view') this.noteOtherView(facts, role);
    this.lastFrom[role] = facts.ref;
  }

  isFromInitiator(facts: MessageFacts): boolean {
    return this.roleOf(facts) === 'initiator';
  }

  /** True where the opening message of this session proves what its initiator heard later. */
  get knowsStart(): boolean {
    return this.startSeen;
  }

  /** Aggregates exchanges of long sessions: answered informationals first, unanswered exchanges last. */
  aggregate(): void {
    const surplus = this.exchanges.size - EXCHANGES_KEPT;
    if (surplus <= 0) return;
    const victims = [...this.exchanges]
      .slice(EXCHANGES_FIRST_KEPT)
      .map(([key, exchange]) => ({ key, rank: aggregationRank(exchange) }))
      .sort((a, b) => a.rank - b.rank)
      .slice(0, surplus);
    for (const { key } of victims) this.exchanges.delete(key);
    this.exchangesAggregated += victims.length;
  }

  session(): IkeSession {
    const { opening, paths, lastFrom } = this;
    const exchanges = [...this.exchanges.values()];
    const facts = { version: opening.version, exchanges };
    return {
      initiatorSpi: opening.initiatorSpi,
      responderSpi: this.responderSpi,
      version: opening.version,
      segment: opening.ref.segment,
      initiator: paths[0].initiator,
      responder: paths[0].responder,
      rolesKnown: this.rolesKnown,
      startSeen: this.startSeen,
      paths,
      exchanges,
      exchangesAggregated: this.exchangesAggregated,
      peers: { initiator: peerOf(this.peers.initiator), responder: peerOf(this.peers.responder) },
      first: opening.ref,
      last: this.last,
      lastFrom,
      messageCount: this.messageCount,
      usesPort4500: this.usesPort4500,
      usesPort500: this.usesPort500,
      notifies: this.notifies,
      natChecks: this.natChecks,
      established: establishedBy(facts),
      childEstablished: childrenOf(facts),
      capturedAt: this.capturedAt(),
      showsTranslation: this.otherViews.initiator && this.otherViews.responder,
    };
  }

  /**
   * A MOBIKE initiator tries its addresses with one and the same request (RFC 4555, section 3.10), so that only messages of
   * before, or of both sides, show a NAT.
   */
  private noteOtherView({ version, exchangeType }: MessageFacts, role: IkeRole): void {
    const isBeforeMobike =
      version === 1 || exchangeType === isakmp.EXCHANGE_SA_INIT || exchangeType === isakmp.EXCHANGE_AUTH;
    if (isBeforeMobike) this.otherViews.initiator = this.otherViews.responder = true;
    this.otherViews[role] = true;
  }

  private capturedAt(): IkeSession['capturedAt'] {
    const { initiator, responder } = this.markedAt;
    if (initiator > 0 && responder === 0) return 'initiator';
    return responder > 0 && initiator === 0 ? 'responder' : 'unknown';
  }

  /** Who sent it. IKEv2 says so in its flags; IKEv1 by the zero cookie of the opening message, then by address. */
  private roleOf(facts: MessageFacts): IkeRole {
    if (facts.version === 2) {
      this.rolesKnown = true;
      return (facts.flags & isakmp.V2_INITIATOR) !== 0 ? 'initiator' : 'responder';
    }
    if (this.paths.length > 0) return this.roleByAddress(facts);
    const opens = facts.responderSpi === null;
    const answers = !opens && isPhaseOne(facts.exchangeType) && (facts.payloads & isakmp.HAS_SA) !== 0;
    this.rolesKnown = opens || answers;
    return answers ? 'responder' : 'initiator';
  }

  private roleByAddress({ from, to }: MessageFacts): IkeRole {
    if (this.paths.some(({ initiator, responder }) => initiator === from && responder === to))
      return 'initiator';
    if (this.paths.some(({ initiator, responder }) => initiator === to && responder === from))
      return 'responder';
    return this.paths.some(({ initiator, responder }) => initiator === from || responder === to)
      ? 'initiator'
      : 'responder';
  }

  private pathOf(facts: MessageFacts, role: IkeRole): number {
    const isInitiator = role === 'initiator';
    const initiator = isInitiator ? facts.from : facts.to;
    const initiatorPort = isInitiator ? facts.fromPort : facts.toPort;
    const responder = isInitiator ? facts.to : facts.from;
    const responderPort = isInitiator ? facts.toPort : facts.fromPort;
    const index = this.paths.findIndex(
      (path) =>
        path.initiator === initiator &&
        path.initiatorPort === initiatorPort &&
        path.responder === responder &&
        path.responderPort === responderPort,
    );
    if (index >= 0) return index;
    if (this.paths.length >= PATHS_MAX) return PATHS_MAX - 1;
    const { ref, stack } = facts;
    return this.paths.push({ initiator, initiatorPort, responder, responderPort, first: ref, stack }) - 1;
  }

  private noteSession(facts: MessageFacts, role: IkeRole): void {
    if (facts.responderSpi === null) {
      if (role === 'initiator') this.startSeen = true;
    } else {
      this.responderSpi ??= facts.responderSpi;
    }
    const ports = [facts.fromPort, facts.toPort];
    if (ports.includes(PORT_NAT_TRAVERSAL)) this.usesPort4500 = true;
    else if (ports.includes(PORT_IKE)) this.usesPort500 = true;
    if (facts.isOutbound) this.markedAt[role]++;
    else if (facts.isInbound) this.markedAt[role === 'initiator' ? 'responder' : 'initiator']++;
  }

  private exchangeOf(facts: MessageFacts, role: IkeRole): TrackedExchange {
    const isResponse = facts.version === 2 && (facts.flags & isakmp.V2_RESPONSE) !== 0;
    const requester = isResponse ? otherRole(role) : role;
    const key =
      facts.version === 2
        ? `${requester} ${facts.exchangeType} ${facts.messageId}`
        : isPhaseOne(facts.exchangeType)
          ? `phase 1 ${facts.exchangeType}`
          : `${facts.exchangeType} ${facts.messageId}`;
    const known = this.exchanges.get(key);
    if (known) return known;
    const isOpenedByInitiator = facts.version === 1 && isPhaseOne(facts.exchangeType);
    const exchange: TrackedExchange = {
      exchangeType: facts.exchangeType,
      messageId: facts.messageId,
      from: isOpenedByInitiator ? 'initiator' : requester,
      messages: [],
      messagesDropped: 0,
    };
    this.exchanges.set(key, exchange);
    return exchange;
  }

  private messageOf(exchange: TrackedExchange, facts: MessageFacts, role: IkeRole): TrackedMessage | null {
    const isResponse =
      facts.version === 2 ? (facts.flags & isakmp.V2_RESPONSE) !== 0 : role !== exchange.from;
    const isIkeFragmented = facts.fragmentNumber > 0;
    const known = exchange.messages.find(
      (message) =>
        message.from === role && message.isResponse === isResponse && isSameMessage(message, facts),
    );
    if (known) return known;
    if (exchange.messages.length >= MESSAGES_PER_EXCHANGE_MAX) return null;
    const message: TrackedMessage = {
      from: role,
      isResponse,
      isEncrypted: (facts.payloads & isakmp.HAS_ENCRYPTED) !== 0,
      length: facts.length,
      encryptedLength: facts.encryptedLength,
      payloads: facts.payloads,
      statuses: 0,
      notifyType: 0,
      keyExchangeGroup: 0,
      fragmentTotal: 0,
      transmissionCount: 0,
      transmissions: [],
      digest: null,
      headDigest: null,
      isIkeFragmented,
    };
    exchange.messages.push(message);
    return message;
  }

  /** What the message says, whether or not it was seen before: an assembled one says more than its first fragment. */
  private noteContents(message: TrackedMessage, facts: MessageFacts, role: IkeRole, path: number): void {
    if (facts.isFirstFragment) message.headDigest ??= facts.digest;
    else message.digest ??= facts.digest;
    message.payloads |= facts.payloads;
    message.statuses |= facts.statuses;
    message.keyExchangeGroup ||= facts.keyExchangeGroup;
    message.fragmentTotal = Math.max(message.fragmentTotal, facts.fragmentTotal);
    if (facts.notifyType !== 0 && message.notifyType === 0) {
      message.notifyType = facts.notifyType;
      this.noteNotify(facts, role);
    }
    const peer = this.peers[role];
    peer.vendors |= facts.vendors;
    peer.vendorsUnknown = Math.max(peer.vendorsUnknown, facts.vendorsUnknown);
    peer.timeToLive ||= facts.timeToLive;
    peer.proposal ??= facts.proposal;
    const announces =
      (facts.vendors & (isakmp.VENDOR_NAT_T | isakmp.VENDOR_NAT_T_DRAFT)) !== 0 || facts.nat !== null;
    peer.announcesNatTraversal ||= announces;
    const checked = `${role} ${path} ${facts.digest}`;
    if (facts.nat && this.natChecks.length < NAT_CHECKS_MAX && !this.natChecked.has(checked)) {
      this.natChecked.add(checked);
      this.natChecks.push({ ...facts.ref, ...facts.nat, from: role, path });
    }
  }

  private noteNotify({ ref, notifyType, exchangeType, wantedGroup }: MessageFacts, from: IkeRole): void {
    if (this.notifies.length >= NOTIFIES_MAX) return;
    this.notifies.push({ ...ref, from, type: notifyType, exchangeType, wantedGroup });
  }
}

export function isPhaseOne(exchangeType: number): boolean {
  return exchangeType >= isakmp.EXCHANGE_BASE && exchangeType <= isakmp.EXCHANGE_AGGRESSIVE;
}

/** The lower, the sooner an exchange is aggregated. */
function aggregationRank({ exchangeType, messages }: TrackedExchange): number {
  // IKEv1 informationals come one by one, so that none of them has an answer.
  if (exchangeType === isakmp.EXCHANGE_V1_INFORMATIONAL) return 0;
  if (!messages.some(({ isResponse }) => isResponse)) return 2;
  return exchangeType === isakmp.EXCHANGE_V2_INFORMATIONAL ? 0 : 1;
}

function otherRole(role: IkeRole): IkeRole {
  return role === 'initiator' ? 'responder' : 'initiator';
}

function noPeer(): TrackedPeer {
  return { vendors: 0, vendorsUnknown: 0, announcesNatTraversal: false, timeToLive: 0, proposal: null };
}

function peerOf({
  vendors,
  vendorsUnknown,
  announcesNatTraversal,
  timeToLive,
  proposal,
}: TrackedPeer): IkePeer {
  return {
    vendorIds: new Set(vendorNames(vendors)),
    vendorsUnknown,
    announcesNatTraversal,
    timeToLive,
    proposal,
  };
}
