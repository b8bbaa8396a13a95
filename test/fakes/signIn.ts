import type { Hex } from "../../router/model/bytes.ts";
import type { SignIn, SignInMessage } from "../../router/ports.ts";

/** Messages are JSON, and the signature of one is its address. */
export class FakeSignIn implements SignIn {
  read(text: string): SignInMessage | undefined {
    return text.startsWith("{") ? (JSON.parse(text) as SignInMessage) : undefined;
  }

  async isSignedBy(address: Hex, _text: string, signature: Hex): Promise<boolean> {
    return address.toLowerCase() === signature.toLowerCase();
  }
}
