/** Where a statement of a side file stands. */
export interface Origin {
  readonly file: string;
  /** `line 7`, or the path of a JSON value: `BorderRouters.br1.Interfaces.1`. */
  readonly place: string;
}

/** "topology.json, BorderRouters.br1.Interfaces.1". */
export function originText({ file, place }: Origin): string {
  return place === '' ? file : `${file}, ${place}`;
}
