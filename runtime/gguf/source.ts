/** Bytes that can be read by range: a file, a URL, a buffer. A model is never read whole. */
export interface ByteSource {
  /** What messages call it: a file name or a URL. */
  readonly name: string;
  readonly byteLength: number;
  /**
   * Reads exactly `byteLength` bytes at `byteOffset`.
   * @throws HearthError GGUF_TRUNCATED where the range leaves the source, FILE_READ_FAILED where reading fails
   */
  read(byteOffset: number, byteLength: number): Promise<Uint8Array>;
  close(): Promise<void>;
}
