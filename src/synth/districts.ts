/** The large-scale character of a piece of land. What an ambiguous surface *is* follows from the district around it. */
export const DISTRICT = { sea: 0, urban: 1, crops: 2, paddies: 3, upland: 4, pasture: 5 } as const;
export type District = (typeof DISTRICT)[keyof typeof DISTRICT];
