/** A value that swings about its mean: sines only, so that its past and its sum over time are known without a memory. */
export interface Wave {
  readonly mean: number;
  /** The amplitudes together leave the value within its bounds. */
  readonly swings: readonly { readonly amplitude: number; readonly periodS: number; readonly phase: number }[];
}

const frequency = (periodS: number): number => (2 * Math.PI) / periodS;

/** A value that does not move. */
export const still = (mean: number): Wave => ({ mean, swings: [] });

/** The value at a time in s. */
export const waveAt = (wave: Wave, s: number): number => followed(wave, s, 0);

/** What follows the value with inertia, as a temperature follows the power; `inertiaS` is the time constant. */
export function followed({ mean, swings }: Wave, s: number, inertiaS: number): number {
  return swings.reduce((value, { amplitude, periodS, phase }) => {
    const turn = frequency(periodS) * inertiaS;
    return value + (amplitude / Math.hypot(1, turn)) * Math.sin(frequency(periodS) * s + phase - Math.atan(turn));
  }, mean);
}

/** The sum of the value over the time from 0, as energy is of power. */
export function accumulated({ mean, swings }: Wave, s: number): number {
  return swings.reduce((sum, { amplitude, periodS, phase }) => {
    const angle = frequency(periodS);
    return sum + (amplitude / angle) * (Math.cos(phase) - Math.cos(angle * s + phase));
  }, mean * s);
}

/** The wave on another scale: a power from a utilization. */
export const scaled = ({ mean, swings }: Wave, factor: number, offset: number): Wave => ({
  mean: mean * factor + offset,
  swings: swings.map((swing) => ({ ...swing, amplitude: swing.amplitude * factor })),
});
