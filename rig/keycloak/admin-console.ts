// Keycloak's admin console in a real browser: follows the guide click by click, and reads its screens. Everything is found
// by what a person reads there, or by names that Keycloak 19 and 26 share.
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from "playwright-core";
import type { Chromium } from "../servers/chromium.ts";
import { server, type TestRealm } from "./realm.ts";

/** What the guide's screens show, under the labels that they have there. */
export interface Screens {
  readonly mapper: Readonly<Record<string, string | boolean>>;
  readonly user: Readonly<Record<string, string | boolean | readonly string[]>>;
  /** The types of the user's credentials. */
  readonly credentials: readonly string[];
  /** The user's own realm roles. */
  readonly roles: readonly string[];
}

/** Hides what would make each picture another one, and what says nothing. */
const ofThisRun = `
  form { flex-grow: 0 !important; padding: 1rem !important }
  [class*=form__group]:has([aria-label="User ID"], #kc-created-at),
  [class*=form__actions], [class*=jump-links] { display: none !important }`;

/** Milliseconds to wait for one element; six times what was enough on a busy machine. */
const patience = 120_000;

export class AdminConsole {
  readonly #browser: Browser;
  readonly #context: BrowserContext;
  /** For the screenshot of a failure; made when it is needed. */
  readonly #screenshots: string;

  private constructor(browser: Browser, context: BrowserContext, screenshots: string) {
    this.#browser = browser;
    this.#context = context;
    this.#screenshots = screenshots;
  }

  /** Starts a browser and logs in. */
  static async open({ program, env }: Chromium, screenshots: string): Promise<AdminConsole> {
    const browser = await chromium.launch({
      executablePath: program,
      env: { ...process.env, ...env },
      timeout: patience,
    });
    const context = await browser.newContext({ locale: "en-US", viewport: { width: 1280, height: 1000 } });
    context.setDefaultTimeout(patience);
    const console = new AdminConsole(browser, context, screenshots);
    try {
      await console.#visit("master", "Logging in", async (page) => {
        await page.locator("#username").fill(server.username);
        await page.locator("#password").fill(server.password);
        await page.locator("#kc-login").click();
        await page.locator("#nav-item-clients").waitFor();
      });
      return console;
    } catch (error) {
      await console.close();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#browser.close();
  }

  /** Does what the guide says, in its order, in a realm that has other mappers, users and roles already. */
  async followGuide(realm: TestRealm, password: string): Promise<void> {
    await this.#visit(realm.name, "Following the guide", async (page) => {
      await addMapper(page);
      await addUser(page);
      await setPassword(page, password);
      await addRole(page);
      await mapRoles(page, ["customer", "offline_access", "uma_authorization"]);
    });
  }

  /** Opens the guide's screens and reads them. @param pictures folder for a picture of each */
  async screens(realm: TestRealm, pictures?: string): Promise<Screens> {
    let found: Screens | undefined;
    await this.#visit(realm.name, "Reading the guide's screens", async (page) => {
      const picture = async (name: string, what: string) => {
        const file = pictures && path.join(pictures, `console-${name}.png`);
        if (file)
          await page.locator(what).screenshot({ path: file, animations: "disabled", style: ofThisRun });
      };
      const mapper = await readMapper(page);
      await picture("mapper", "form:has(#mapperType)");
      const user = await readUser(page);
      await picture("user", `form:has(${username})`);
      const credentials = await readCredentials(page);
      const roles = await readRoles(page);
      await picture("role-mapping", "[data-testid=assigned-roles]");
      found = { mapper, user, credentials, roles };
    });
    if (!found) throw new Error("No screen was read.");
    return found;
  }

  /** Opens the console at a realm, in a page of its own. A failure leaves a screenshot. */
  async #visit(realm: string, what: string, action: (page: Page) => Promise<void>): Promise<void> {
    const page = await this.#context.newPage();
    try {
      await page.goto(`${server.address}/admin/master/console/#/${encodeURIComponent(realm)}`);
      await action(page);
    } catch (error) {
      const file = path.join(this.#screenshots, `${realm}-${what.toLowerCase().replaceAll(/\W+/g, "-")}.png`);
      await mkdir(this.#screenshots, { recursive: true });
      const seen = await page.screenshot({ path: file }).then(
        () => `see ${file}`,
        () => "no screenshot could be made",
      );
      throw new Error(
        `${what} in the admin console failed in realm '${realm}': ${seen}. ${(error as Error).message}`,
      );
    } finally {
      await page.close();
    }
  }
}

const menu = (page: Page, name: string) => page.getByRole("link", { name, exact: true }).click();
/** What it leads to is a link in one release and a button in another. */
const press = (within: Page | Locator, name: string) =>
  within
    .getByRole("button", { name, exact: true })
    .or(within.getByRole("link", { name, exact: true }))
    .click();
const tab = (page: Page, name: string) => page.getByRole("tab", { name, exact: true }).click();
/** The console says so when Keycloak has answered. */
const said = (page: Page, text: string) => page.getByText(text, { exact: true }).first().waitFor();
const checkbox = (page: Page, ...ids: string[]) =>
  page.locator(ids.map((id) => `input[type=checkbox][id="${id}"]`).join(", "));
/** A switch draws itself above its checkbox, which Playwright would otherwise wait for in vain. */
const covered = { force: true };

async function openDedicatedScope(page: Page) {
  await menu(page, "Clients");
  await menu(page, "cim");
  await tab(page, "Client scopes");
  await menu(page, "cim-dedicated");
}

const audience = '[id="config.included.client.audience-select-typeahead"], input[role=combobox]';
const username = "[name=username]";
/** A form is there before its values are. */
const shown = async (page: Page, selector: string): Promise<string> => {
  await page.waitForFunction(`document.querySelector(${JSON.stringify(selector)})?.value`);
  return page.locator(selector).inputValue();
};

async function addMapper(page: Page) {
  await openDedicatedScope(page);
  await press(page, "Add mapper");
  await page.getByRole("menuitem", { name: "By configuration" }).click();
  await page.getByText("Audience", { exact: true }).click();
  await page.locator("#name").fill("fix-audience");
  await page.locator(audience).click();
  await page.getByRole("option", { name: "cim", exact: true }).click();
  await checkbox(page, "id.token.claim").check(covered);
  await press(page, "Save");
  await said(page, "Mapping successfully created");
}

const emailVerified = (page: Page) => checkbox(page, "emailVerified", "kc-user-email-verified");

async function addUser(page: Page) {
  await menu(page, "Users");
  await press(page, "Add user");
  await page.locator(username).fill("customer");
  await emailVerified(page).check(covered);
  await press(page, "Create");
  await said(page, "The user has been created");
}

async function setPassword(page: Page, password: string) {
  await tab(page, "Credentials");
  await press(page, "Set password");
  const dialog = page.getByRole("dialog");
  await dialog.getByTestId("passwordField").fill(password);
  await dialog.getByTestId("passwordConfirmationField").fill(password);
  await dialog.getByRole("checkbox").uncheck(covered);
  await press(dialog, "Save");
  await press(page, "Save password");
  await said(page, "The password has been set successfully.");
}

async function addRole(page: Page) {
  await menu(page, "Realm roles");
  await press(page, "Create role");
  await page.locator("[name=name]").fill("customer");
  await press(page, "Save");
  await said(page, "Role created");
}

async function openUser(page: Page) {
  await menu(page, "Users");
  await menu(page, "customer");
}

async function mapRoles(page: Page, names: readonly string[]) {
  await openUser(page);
  await tab(page, "Role mapping");
  await press(page, "Assign role");
  if (server.isFrom("26.0.0")) await page.getByRole("menuitem", { name: "Realm roles" }).click();
  const dialog = page.getByRole("dialog");
  for (const name of names) await row(dialog, name).getByRole("checkbox").check();
  await press(dialog, "Assign");
  await said(page, "User role mapping successfully updated");
}

const row = (within: Locator, text: string) =>
  within.locator("tr").filter({
    has: within
      .page()
      .locator("td")
      .filter({ hasText: new RegExp(`^\\s*${text}\\s*$`) }),
  });

async function readMapper(page: Page): Promise<Screens["mapper"]> {
  await openDedicatedScope(page);
  await menu(page, "fix-audience");
  return {
    "Mapper type": await shown(page, "#mapperType"),
    Name: await shown(page, "#name"),
    "Included Client Audience": await shown(page, audience),
    "Add to ID token": await checkbox(page, "id.token.claim").isChecked(),
    "Add to access token": await checkbox(page, "access.token.claim").isChecked(),
  };
}

async function readUser(page: Page): Promise<Screens["user"]> {
  await openUser(page);
  return {
    Username: await shown(page, username),
    "Email verified": await emailVerified(page).isChecked(),
    // A temporary password is one that has to be updated.
    "Required user actions": await page.locator("[class*=chip__text]").allTextContents(),
  };
}

async function readCredentials(page: Page): Promise<Screens["credentials"]> {
  await tab(page, "Credentials");
  const types = page.getByTestId("credentialType");
  await types.first().waitFor();
  return types.allTextContents();
}

async function readRoles(page: Page): Promise<Screens["roles"]> {
  await tab(page, "Role mapping");
  await checkbox(page, "hideInheritedRoles").check();
  const table = page.getByTestId("assigned-roles");
  // The console lists inherited roles before it knows of the user's own.
  await row(table, "customer").waitFor();
  await row(table, "True").first().waitFor({ state: "hidden" });
  const names = await table.locator("tbody tr td:nth-child(2)").allInnerTexts();
  return names.map((name) => name.trim()).toSorted();
}
