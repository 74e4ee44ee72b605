/** What all programs of a call share, a uniform: how many tokens it has, and its number. */
export const call = (binding: number): string => /* wgsl */ `
struct Call {
  tokens: u32,
  serial: u32,
}
@group(0) @binding(${binding}) var<uniform> call: Call;
`;
