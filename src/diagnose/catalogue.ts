import type { Correlator } from '../correlate/correlator.js';
import type { Picture } from '../correlate/pictures/picture.js';
import type { Dissector } from '../dissect/dissector.js';
import type { ProtocolRole } from '../dissect/protocol-role.js';
import type { SideFileReader } from '../side-files/side-file-reader.js';
import type { CarriedKind, Diagnosis } from './diagnosis.js';
import type { SettingsReader } from './settings.js';

/** One folder of the catalogue: everything about one protocol. */
export interface CatalogueEntry {
  readonly protocol: string;
  /** Heading of the folder's README. */
  readonly title: string;
  readonly dissector?: Dissector;
  /** What its protocols are to others. */
  readonly roles?: readonly ProtocolRole[];
  readonly correlators: readonly Correlator[];
  /** What of it reports show as pictures; run only where a report has any. */
  readonly pictures?: readonly Correlator<Picture>[];
  readonly tunnel?: CarriedKind;
  /** What a comparison with an earlier capture asks of its sessions. */
  readonly settings?: SettingsReader;
  readonly diagnoses: readonly Diagnosis[];
  /** Readers of what operators give beside captures. */
  readonly sideFiles?: readonly SideFileReader[];
}
