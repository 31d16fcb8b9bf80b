/** Direction of a frame as the capturing host saw it, in `FrameIndex.marks`. */
export const MARK_INBOUND = 0x01;
export const MARK_OUTBOUND = 0x02;
/** The capture says that the checksum is not yet filled in (EPB flags bit 9). */
export const MARK_CHECKSUM_PENDING = 0x04;
/** The capture says that segmentation offload was at work (EPB flags bit 11). */
export const MARK_SEGMENTATION_OFFLOAD = 0x08;
/** A timestamp more than an hour off both its neighbours, or none: `timeNs` is NaN. */
export const MARK_NO_TIME = 0x10;
/** Made from printed words: a checksum field holds what the words call wrong, and 0 where they say nothing of it. */
export const MARK_IN_WORDS = 0x20;
