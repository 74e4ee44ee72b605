/** A file as it was when it was opened. */
export interface FileVersion {
  readonly path: string;
  /** Another one after the file was changed or replaced. */
  readonly version: string;
}

/** Bytes that can be read by range: a file, a URL, a buffer. A model is never read whole. */
export interface ByteSource {
  /** What messages call it: a file name or a URL. */
  readonly name: string;
  readonly byteLength: number;
  /** Where threads of this process find it again, if it is a file. */
  readonly file?: FileVersion;
  /**
   * Reads exactly `byteLength` bytes at `byteOffset`.
   * @param buffer what they may be put in, if it is large enough; the result then is a view of it
   * @throws HearthError GGUF_TRUNCATED where the range leaves the source, FILE_READ_FAILED where reading fails
   */
  read(byteOffset: number, byteLength: number, buffer?: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}
