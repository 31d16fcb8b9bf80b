/** A timer that holds for longer than the 24.8 days of setTimeout. */
export function stopAfter(seconds: number, stop: () => void): { stop(): void } {
  const endMs = performance.now() + seconds * 1000;
  const STEP_MS = 86_400_000;
  let timer: NodeJS.Timeout;
  const wait = () => {
    const leftMs = endMs - performance.now();
    if (leftMs <= 0) stop();
    else timer = setTimeout(wait, Math.min(leftMs, STEP_MS));
  };
  wait();
  return { stop: () => clearTimeout(timer) };
}
