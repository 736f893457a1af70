import { type FileHandle, open } from 'node:fs/promises';
import { deflateRawSync } from 'node:zlib';
import { crc32 } from '../../../src/convert/checkpoint/crc32.ts';

export interface ZipRecord {
  readonly name: string;
  readonly sizeBytes: number;
  /** The content; `null` leaves a hole of zeros (and no checksum). */
  readonly load: (() => Buffer | Uint8Array) | null;
  readonly deflate?: boolean;
}

export const record = (name: string, content: Buffer | Uint8Array, deflate = false): ZipRecord => ({
  name,
  sizeBytes: content.length,
  load: () => content,
  deflate,
});

const BIG = 0xffffffff;

/** Writes a ZIP record by record; `zip64` puts every size and offset into 64-bit fields. */
export async function writeZip(
  path: string,
  records: readonly ZipRecord[],
  { zip64 = false } = {},
): Promise<void> {
  const file = await open(path, 'w');
  try {
    let at = 0;
    const central: Buffer[] = [];
    for (const { name, sizeBytes, load, deflate } of records) {
      const content = load?.() ?? null;
      const stored = content !== null && deflate ? deflateRawSync(content) : content;
      const storedBytes = stored?.length ?? sizeBytes;
      const crc = content === null ? 0 : crc32(content);
      const wide = zip64 || at > BIG || sizeBytes > BIG;
      const label = Buffer.from(name);
      const local = Buffer.alloc(30);
      local.writeUInt32LE(0x04034b50, 0);
      local.writeUInt16LE(deflate ? 8 : 0, 8);
      local.writeUInt32LE(crc, 14);
      local.writeUInt32LE(wide ? BIG : storedBytes, 18);
      local.writeUInt32LE(wide ? BIG : sizeBytes, 22);
      local.writeUInt16LE(label.length, 26);
      local.writeUInt16LE(8, 28);
      // An extra field in the local header only, as torch pads its records with.
      const padding = Buffer.from([0x42, 0x46, 4, 0, 0, 0, 0, 0]);
      await put(file, at, Buffer.concat([local, label, padding]));
      const start = at + 30 + label.length + padding.length;
      if (stored !== null) await put(file, start, stored);

      const extra = Buffer.alloc(wide ? 28 : 0);
      if (wide) {
        extra.writeUInt16LE(1, 0);
        extra.writeUInt16LE(24, 2);
        extra.writeBigUInt64LE(BigInt(sizeBytes), 4);
        extra.writeBigUInt64LE(BigInt(storedBytes), 12);
        extra.writeBigUInt64LE(BigInt(at), 20);
      }
      const header = Buffer.alloc(46);
      header.writeUInt32LE(0x02014b50, 0);
      header.writeUInt16LE(deflate ? 8 : 0, 10);
      header.writeUInt32LE(crc, 16);
      header.writeUInt32LE(wide ? BIG : storedBytes, 20);
      header.writeUInt32LE(wide ? BIG : sizeBytes, 24);
      header.writeUInt16LE(label.length, 28);
      header.writeUInt16LE(extra.length, 30);
      header.writeUInt32LE(wide ? BIG : at, 42);
      central.push(Buffer.concat([header, label, extra]));
      at = start + storedBytes;
    }
    await put(file, at, Buffer.concat([...central, endRecords(records.length, central, at, zip64)]));
  } finally {
    await file.close();
  }
}

function endRecords(count: number, central: readonly Buffer[], offset: number, zip64: boolean): Buffer {
  const size = central.reduce((sum, { length }) => sum + length, 0);
  const wide = zip64 || offset > BIG;
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(wide ? 0xffff : count, 8);
  end.writeUInt16LE(wide ? 0xffff : count, 10);
  end.writeUInt32LE(wide ? BIG : size, 12);
  end.writeUInt32LE(wide ? BIG : offset, 16);
  if (!wide) return end;
  const end64 = Buffer.alloc(76);
  end64.writeUInt32LE(0x06064b50, 0);
  end64.writeBigUInt64LE(44n, 4);
  end64.writeBigUInt64LE(BigInt(count), 24);
  end64.writeBigUInt64LE(BigInt(count), 32);
  end64.writeBigUInt64LE(BigInt(size), 40);
  end64.writeBigUInt64LE(BigInt(offset), 48);
  end64.writeUInt32LE(0x07064b50, 56);
  end64.writeBigUInt64LE(BigInt(offset + size), 64);
  end64.writeUInt32LE(1, 72);
  return Buffer.concat([end64, end]);
}

async function put(file: FileHandle, position: number, bytes: Buffer | Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}
