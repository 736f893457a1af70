import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addTurnedBack, ORIENTATIONS, orientationTable, orientView } from '../../src/frustum/orientations.ts';

const all = Array.from({ length: ORIENTATIONS }, (_, i) => i);

describe('orientations', () => {
  it('are the eight symmetries of the square: all different, and two in a row are one of them', () => {
    const tables = all.map((orientation) => orientationTable(orientation, 5).join());
    expect(new Set(tables).size).toBe(8);
    expect([...orientationTable(0, 5)]).toEqual(Array.from({ length: 25 }, (_, i) => i));
    for (const a of all) {
      for (const b of all) {
        const [first, second] = [orientationTable(a, 5), orientationTable(b, 5)];
        expect(tables).toContain([...second].map((from) => first[from]!).join());
      }
    }
  });

  it('keep neighbours neighbours', () => {
    for (const orientation of all) {
      const side = 6;
      const table = orientationTable(orientation, side);
      for (let i = 0; i + 1 < side; i++) {
        const [a, b] = [table[i]!, table[i + 1]!];
        expect(
          Math.abs(Math.floor(a / side) - Math.floor(b / side)) + Math.abs((a % side) - (b % side)),
        ).toBe(1);
      }
    }
  });

  it('turn views, and their answers back', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...all),
        fc.integer({ min: 1, max: 9 }),
        fc.nat(),
        (orientation, side, seed) => {
          const table = orientationTable(orientation, side);
          const view = Uint8Array.from(
            { length: side * side * 3 },
            (_, i) => (Math.imul(i + seed, 2654435761) >>> 24) & 255,
          );
          const turned = orientView(view, table);
          // A network that answers with the colours it sees, a channel a colour: turned back, they lie where they were.
          const answer = Float32Array.from({ length: view.length }, (_, i) => {
            const [channel, cell] = [Math.floor(i / (side * side)), i % (side * side)];
            return turned[cell * 3 + channel]!;
          });
          const back = new Float32Array(view.length);
          addTurnedBack(back, answer, table);
          for (let i = 0; i < view.length; i++) {
            expect(back[(i % 3) * side * side + Math.floor(i / 3)]).toBe(view[i]);
          }
        },
      ),
    );
  });
});
