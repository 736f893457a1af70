import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { checkIdentity } from '../../src/doctor/check-identity.ts';

/** An STS of one's own. */
let server: Server;
let answer: (response: ServerResponse) => void;

beforeEach(async () => {
  server = createServer((request, response) => {
    request.resume().on('end', () => answer(response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  vi.stubEnv('AWS_ENDPOINT_URL_STS', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const xml = (status: number, body: string) => (response: ServerResponse) => {
  response.writeHead(status, { 'content-type': 'text/xml' }).end(body);
};

describe('checkIdentity', () => {
  it('says who AWS takes this machine for', async () => {
    answer = xml(
      200,
      `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
        <Arn>arn:aws:iam::111122223333:user/maps</Arn><UserId>AIDA</UserId><Account>111122223333</Account>
      </GetCallerIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>`,
    );
    expect(await checkIdentity(undefined)).toEqual({
      name: 'aws identity',
      state: 'ok',
      found: 'arn:aws:iam::111122223333:user/maps, account 111122223333',
      advice: null,
    });
  });

  it('credentials that are refused are a problem, with what to do', async () => {
    answer = xml(
      403,
      `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>ExpiredToken</Code>
        <Message>The security token included in the request is expired</Message></Error><RequestId>1</RequestId></ErrorResponse>`,
    );
    expect(await checkIdentity(undefined)).toMatchObject({
      state: 'problem',
      found: expect.stringContaining('ExpiredToken'),
      advice: 'renew them, e.g. aws sso login',
    });
  });

  it('an STS that never answers is given up after seconds', async () => {
    answer = () => undefined;
    const started = performance.now();
    expect(await checkIdentity(undefined)).toMatchObject({ state: 'skipped' });
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  it('one that cannot be reached is no fault of its own', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL_STS', 'http://127.0.0.1:1');
    expect(await checkIdentity(undefined)).toMatchObject({
      state: 'skipped',
      found: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('no credentials are none', async () => {
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE'])
      vi.stubEnv(name, undefined);
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent');
    vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent');
    expect(await checkIdentity(undefined)).toMatchObject({
      state: 'skipped',
      found: expect.stringContaining('no AWS credentials'),
    });
  });
});
