import { ARP_CAPTURES } from './arp.js';
import { BFD_CAPTURES } from './bfd.js';
import { BGP_CAPTURES } from './bgp.js';
import { CAPTURE_QUALITY_CAPTURES } from './capture-quality.js';
import { CLOCK_CAPTURES } from './clocks.js';
import { DNS_CAPTURES } from './dns.js';
import { ESP_CAPTURES } from './esp.js';
import { FRAGMENT_CAPTURES } from './fragments.js';
import { GRE_CAPTURES } from './gre.js';
import { IKE_V1_CAPTURES } from './ike-v1.js';
import { IKE_V2_CAPTURES } from './ike-v2.js';
import { KEEPALIVE_CAPTURES } from './keepalives.js';
import { NAT_TRAVERSAL_CAPTURES } from './nat-traversal.js';
import { OPENVPN_CAPTURES } from './openvpn.js';
import { OVERLAY_CAPTURES } from './overlays.js';
import { PATH_CAPTURES } from './path.js';
import type { SampleCapture } from './sample-capture.js';
import { SCION_CAPTURES } from './scion.js';
import { SIDE_FILE_CAPTURES } from './side-files.js';
import { SILK_CAPTURES } from './silk.js';
import { STATE_DATABASE_CAPTURES } from './state-databases.js';
import { TCP_CAPTURES } from './tcp.js';
import { VPP_CAPTURES } from './vpp.js';

/** Every capture that ships, in the order of the README. */
export const SAMPLE_CAPTURES: readonly SampleCapture[] = [
  ...IKE_V1_CAPTURES,
  ...IKE_V2_CAPTURES,
  ...ESP_CAPTURES,
  ...NAT_TRAVERSAL_CAPTURES,
  ...FRAGMENT_CAPTURES,
  ...PATH_CAPTURES,
  ...KEEPALIVE_CAPTURES,
  ...SCION_CAPTURES,
  ...OPENVPN_CAPTURES,
  ...OVERLAY_CAPTURES,
  ...SILK_CAPTURES,
  ...ARP_CAPTURES,
  ...GRE_CAPTURES,
  ...DNS_CAPTURES,
  ...TCP_CAPTURES,
  ...BFD_CAPTURES,
  ...BGP_CAPTURES,
  ...VPP_CAPTURES,
  ...CLOCK_CAPTURES,
  ...STATE_DATABASE_CAPTURES,
  ...CAPTURE_QUALITY_CAPTURES,
  ...SIDE_FILE_CAPTURES,
];
