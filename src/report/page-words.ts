/** What the page says in the words of the text report. */
export interface PageWords {
  readonly verdict: string;
  /** Of two captures: what is known of their clocks; '' where there is one. */
  readonly clock: string;
  /** By index of `compare.directions`. */
  readonly remarks: readonly (readonly string[])[];
}
