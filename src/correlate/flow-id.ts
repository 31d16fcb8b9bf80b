/** A flow of the run: stack, protocol and both endpoints. Stable until the registry evicts it. */
export type FlowId = number;
