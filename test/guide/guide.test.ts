// The guide that this project replaces, clicked in Keycloak's own admin console by a real browser, beside what `up` makes.
// The browser is a download of 400 MB, so this runs only with `npm run test:guide`.
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type TestFn } from "ava";
import { AdminConsole, type Screens } from "../../rig/keycloak/admin-console.ts";
import { type Representation, server, TestRealm } from "../../rig/keycloak/realm.ts";
import { TestProject, type TestStack } from "../../rig/pulumi/project.ts";
import { type Chromium, ensureChromium } from "../../rig/servers/chromium.ts";
import { differences, succeeded, withoutMarks } from "../support/given.ts";

interface Made {
  readonly realm: TestRealm;
  readonly stack: TestStack;
}
interface Context {
  readonly console: AdminConsole;
  /** A realm where the guide was followed in the console. `up` has not seen it yet. */
  readonly byHand: Made;
  /** A realm that `up` made ready. */
  readonly byUp: Made;
}
const guideTest = test as TestFn<Context>;

/** Where to write the pictures of the documentation, if they are asked for. */
const pictures = server.isFrom("26.0.0") ? process.env.TEST_PICTURES : undefined;
/** As the guide has it. */
const password = "customer";
/** From this release on, the user profile asks every user for an email address and names. */
const hasProfile = server.isFrom("24.0.0");

const chromium: Chromium | undefined = process.env.TEST_GUIDE === "1" ? await ensureChromium() : undefined;
const withBrowser = chromium ? guideTest.serial : guideTest.serial.skip;

const cleanup: (() => Promise<void>)[] = [];
guideTest.before(async (t) => {
  if (!chromium) return;
  const screenshots = process.env.TEST_SCREENSHOTS ?? path.join(tmpdir(), "screenshots");
  const console = await AdminConsole.open(chromium, screenshots);
  cleanup.push(() => console.close());
  const [byHand, byUp] = await Promise.all([make(), make(pictures && "expertflow")]);
  const [, up] = await Promise.all([console.followGuide(byHand.realm, password), byUp.stack.up()]);
  succeeded(t, up);
  t.context = { console, byHand, byUp };
});
guideTest.after.always(async () => {
  await Promise.all(cleanup.map((each) => each()));
});

/** As CX ships it, the realm has users, and its client `cim` mappers. */
async function make(name?: string): Promise<Made> {
  const tenant = {
    name: "tenant",
    protocol: "openid-connect",
    protocolMapper: "oidc-hardcoded-claim-mapper",
    config: { "claim.name": "tenant", "claim.value": "cx", "access.token.claim": "true" },
  };
  const [realm, project] = await Promise.all([
    TestRealm.create({ users: [{ username: "agent", enabled: true }] }, { protocolMappers: [tenant] }, name),
    TestProject.create(),
  ]);
  cleanup.push(
    () => realm.delete(),
    () => project.delete(),
  );
  return { realm, stack: await project.stack("test", { realm: realm.name, customerPassword: password }) };
}

withBrowser("the guide's screens show the guide's values, whether by hand or by up", async (t) => {
  const { console, byHand, byUp } = t.context;
  for (const { realm } of [byHand, byUp]) {
    const wanted: Screens = {
      mapper: {
        "Mapper type": "Audience",
        Name: "fix-audience",
        "Included Client Audience": "cim",
        "Add to ID token": true,
        "Add to access token": true,
      },
      user: { Username: "customer", "Email verified": true, "Required user actions": [] },
      credentials: ["Password"],
      roles: ["customer", `default-roles-${realm.name}`, "offline_access", "uma_authorization"],
    };
    t.deepEqual(await console.screens(realm, realm === byUp.realm ? pictures : undefined), wanted);
  }
});

withBrowser("by hand and by up, realms differ in what docs/cx-and-apisix.md lists", async (t) => {
  const [byHand, byUp] = await Promise.all(
    [t.context.byHand, t.context.byUp].map(async ({ realm }) => comparable(realm, await realm.snapshot())),
  );
  const mapper = "clients.cim.protocolMappers.fix-audience.config";
  const wanted = [
    `${mapper}.keycloak-apisix.owner: undefined → "mark"`,
    'roles.customer.attributes.keycloak-apisix.owner: undefined → ["mark"]',
    'roles.customer.description: "" → undefined',
    'users.customer.roleMappings.realmMappings.customer.description: "" → undefined',
    'users.customer.credentials.0.userLabel: "My password" → "mark"',
    ...(hasProfile
      ? [
          `${mapper}.lightweight.claim: "false" → undefined`,
          'users.customer.email: undefined → "customer@REALM.invalid"',
          'users.customer.firstName: undefined → "Customer"',
          'users.customer.lastName: undefined → "CX"',
        ]
      : [
          `${mapper}.introspection.token.claim: undefined → "true"`,
          'users.customer.firstName: "" → undefined',
          'users.customer.lastName: "" → undefined',
        ]),
  ];
  t.deepEqual(differences(byHand, byUp).toSorted(), wanted.toSorted());
});

/** Without ids and dates, the same text for the realm's name and for marks, and an order that two realms share. */
function comparable(realm: TestRealm, snapshot: Representation): Representation {
  const text = JSON.stringify(snapshot, (key, value) =>
    ["id", "containerId", "createdTimestamp", "createdDate"].includes(key) ? undefined : value,
  );
  return byName(withoutMarks(JSON.parse(text.replaceAll(realm.name, "REALM"))));
}

/** The same with an object in place of each list of objects that have names. */
function byName(value: Representation): Representation {
  if (Array.isArray(value)) {
    const names = value.map((each) => each?.clientId ?? each?.username ?? each?.name);
    if (names.length === 0 || names.includes(undefined)) return value.map(byName);
    return Object.fromEntries(value.map((each, at) => [names[at], byName(each)]));
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, byName(each)]));
}

withBrowser("up adopts what was clicked, and corrects nothing but profile fields", async (t) => {
  const { realm, stack } = t.context.byHand;
  const children = ["audience", "user", "password", "role", "role-mappings"];
  const steps = new Map((await stack.forecast()).map((step) => [step.name, step]));
  const announced = new Map([
    ["user", hasProfile ? ["email", "firstName", "lastName"] : []],
    // No preview logs in, so it cannot know that the password is right.
    ["password", ["password"]],
  ]);
  for (const child of children) {
    const { plan, corrects } = steps.get(`${realm.name}-${child}`) ?? {};
    t.is(plan, "adopt", child);
    t.deepEqual(Object.keys(corrects ?? {}), announced.get(child) ?? [], child);
  }

  await realm.noteWrites();
  const { id } = await realm.user();
  const up = await stack.up();
  succeeded(t, up);
  t.deepEqual(await realm.written(), hasProfile ? [`UPDATE users/${id}`] : []);
  const { adopted, token } = (await stack.outputs()).enablements[realm.name];
  t.deepEqual(adopted, Object.fromEntries(children.map((child) => [child, true])));
  t.true(token.audiences.includes("cim"));
  t.true(token.roles.includes("customer"));
  succeeded(t, await stack.preview("--expect-no-changes"));
});
