/** Lets a fault last or a steady state go on for a set time; never a way to wait for something. */
export const lasting = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
