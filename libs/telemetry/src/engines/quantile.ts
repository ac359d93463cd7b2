/**
 * A quantile of a cumulative histogram, `buckets` by their upper bound, as PromQL's `histogram_quantile` has it:
 * linear within the bucket, the lowest of which begins at 0; what falls beyond the last finite bound is that bound.
 * `null` where nothing was counted or the histogram has no `+Inf`.
 */
export function quantileOf(buckets: ReadonlyMap<number, number>, share: number): number | null {
  const total = buckets.get(Number.POSITIVE_INFINITY) ?? 0;
  if (!(total > 0)) return null;
  const rank = share * total;
  let [lowerBound, below] = [0, 0];
  for (const [bound, count] of [...buckets].sort(([one], [other]) => one - other)) {
    if (count >= rank && count > below) {
      if (bound === Number.POSITIVE_INFINITY) return lowerBound;
      return lowerBound + (bound - lowerBound) * Math.min(1, (rank - below) / (count - below));
    }
    if (bound !== Number.POSITIVE_INFINITY) lowerBound = bound;
    below = Math.max(below, count);
  }
  return lowerBound;
}
