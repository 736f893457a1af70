const COUNT = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const THREE = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 });
const WHOLE_KM2 = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 });

/** A whole number with its thousands apart; a dash for none. */
export function formatCount(value: number | null): string {
  return value === null ? '–' : COUNT.format(value);
}

/** Square metres in the unit that people would say it in; a dash for none. */
export function formatArea(areaM2: number | null): string {
  if (areaM2 === null) return '–';
  if (areaM2 >= 1e8) return `${WHOLE_KM2.format(areaM2 / 1e6)} km²`;
  if (areaM2 >= 1e5) return `${THREE.format(areaM2 / 1e6)} km²`;
  return `${THREE.format(areaM2)} m²`;
}

/** A share of 0 to 1 in per cent, with so many decimals. */
export function formatPercent(share: number, decimals: number): string {
  return `${(share * 100).toFixed(decimals)} %`;
}

/** A share of 0 to 1 in per cent; never 0 or 100 where it isn't. */
export function formatShare(share: number): string {
  if (share > 0 && share < 0.0005) return '< 0.1 %';
  if (share < 1 && share > 0.9995) return '> 99.9 %';
  return formatPercent(share, share === 0 || share === 1 ? 0 : 1);
}
