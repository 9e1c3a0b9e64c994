// A provider of identities for the tests: the published `oidc-provider` with its own development pages, on a free port of
// this machine. It says its issuer in one line of JSON, makes new keys on POST /test/rotate, and ends with its standard input.
//
//   node provider.mjs FOLDER_OF_NODE_MODULES REDIRECT_URI POST_LOGOUT_REDIRECT_URI
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, redirect, loggedOut] = process.argv.slice(2);
const { Provider } = await import(pathToFileURL(join(folder, 'oidc-provider/lib/index.js')));

let generation = 0;
const key = () => {
  generation += 1;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: `key-${generation}`, use: 'sig', alg: 'RS256' };
};
const made = (issuer) => new Provider(issuer, {
  clients: [{
    client_id: 'saphan',
    client_secret: 'a secret / of the tests: 7',
    redirect_uris: [redirect],
    post_logout_redirect_uris: [loggedOut],
  }],
  jwks: { keys: [key()] },
  cookies: { keys: ['for the tests'] },
  pkce: { required: () => true },
}).callback();

let answer;
const server = createServer((request, response) => {
  if (request.url === '/test/rotate') {
    answer = made(issuer);
    response.end();
  } else {
    answer(request, response);
  }
});
let issuer;
server.listen(0, '127.0.0.1', () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  answer = made(issuer);
  console.log(JSON.stringify({ issuer }));
});
process.stdin.on('end', () => process.exit(0)).resume();
