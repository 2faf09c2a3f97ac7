// Passkeys for the sign-in page and the account page. Everything is checked by the server.
"use strict";

async function post(path, message) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(message),
  });
  const kind = answer.headers.get("content-type") || "";
  const said = kind.startsWith("application/json") ? await answer.json() : { error: "Please load the page again" };
  if (!answer.ok) throw new Error(said.error);
  return said;
}

function attach(id, formId, work) {
  const button = document.getElementById(id);
  if (!button) return;
  if (!window.PublicKeyCredential || !PublicKeyCredential.parseCreationOptionsFromJSON) {
    button.hidden = true;
    return;
  }
  button.addEventListener("click", async () => {
    try {
      const said = await work(document.getElementById(formId).elements);
      location.assign(said.next);
    } catch (error) {
      if (error.name !== "NotAllowedError") alert(error.message);
    }
  });
}

attach("passkey-sign-in", "sign-in", async (fields) => {
  const proof = fields.proof.value;
  const options = await post("/passkey/options", { proof });
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  const credential = await navigator.credentials.get({ publicKey });
  return post("/passkey", { proof, next: fields.next.value, credential: credential.toJSON() });
});

attach("passkey-add", "passkeys", async (fields) => {
  const proof = fields.proof.value;
  const options = await post("/account/passkeys/options", { proof });
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  const credential = await navigator.credentials.create({ publicKey });
  return post("/account/passkeys", { proof, name: fields.name.value, credential: credential.toJSON() });
});
