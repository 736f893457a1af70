import { InvalidArgumentError } from 'commander';
import type { Stretch } from '../scene/stretch.ts';
import { parseNumbers } from './verb.ts';

/** Parses `auto`, `none`, `minmax`, `percentile:2,98` or `fixed:0,1023`. */
export function parseStretch(text: string): Stretch {
  if (text === 'auto' || text === 'none' || text === 'minmax') return text;
  const [kind, list = ''] = text.split(':');
  if (kind === 'percentile' || kind === 'fixed') {
    const [low, high, ...rest] = parseNumbers(list);
    if (low !== undefined && high !== undefined && rest.length === 0) {
      return kind === 'fixed' ? { fixed: [low, high] } : { percentile: [low, high] };
    }
  }
  throw new InvalidArgumentError('expected auto, none, minmax, percentile:LOW,HIGH or fixed:MIN,MAX');
}
