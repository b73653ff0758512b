// Order and listening ids: ULIDs in lower case, as all ids of Nunchi.

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

export function ulid(now = Date.now()) {
  let time = now;
  let id = "";
  for (let i = 0; i < 10; i++) {
    id = ALPHABET[time % 32] + id;
    time = Math.floor(time / 32);
  }
  return id + Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => ALPHABET[byte % 32]).join("");
}
