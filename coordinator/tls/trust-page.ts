import { createHash } from 'node:crypto';
import { renderSVG } from 'uqr';

export interface TrustPageFields {
  /** Of the authority, for people who look for it in a list. */
  readonly name: string;
  /** SHA-256, as pairs of digits. */
  readonly fingerprint: string;
  /** Of this page. */
  readonly trustUrl: string;
  /** With TLS, without a path. */
  readonly secureUrl: string;
}

export const authorityPath = '/trust/hearth-authority.crt';

const style = `
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark }
svg { width: 12rem; height: 12rem; border-radius: 0.5rem }
code { overflow-wrap: anywhere }
summary { font-weight: 600; margin: 0.75rem 0; cursor: pointer }
`;
/** By which a content policy lets this page's style through, and no other. */
export const styleHash = `sha256-${createHash('sha256').update(style).digest('base64')}`;

interface Steps {
  readonly system: string;
  readonly steps: readonly string[];
}

const download = `<a href="${authorityPath}">the certificate</a>`;

const systems: readonly Steps[] = [
  {
    system: 'iPhone and iPad',
    steps: [
      `Open this page in Safari and download ${download}; allow the profile.`,
      'Settings → General → VPN &amp; Device Management: install the profile.',
      'Settings → General → About → Certificate Trust Settings: switch it on.',
    ],
  },
  {
    system: 'Android',
    steps: [
      `Download ${download}.`,
      'Settings → Security → More security settings → Encryption &amp; credentials → Install a certificate → CA certificate. ' +
        'The words differ from phone to phone: search the settings for “CA certificate”.',
      'Choose the file. Chrome takes it at once; in Firefox, Settings → About Firefox, tap the logo five times, and then in ' +
        'Secret Settings use third party CA certificates.',
    ],
  },
  {
    system: 'macOS',
    steps: [
      `Download ${download} and open it: Keychain Access adds it to the login keychain.`,
      'Open it there → Trust → When using this certificate: Always Trust.',
    ],
  },
  {
    system: 'Windows',
    steps: [
      `Download ${download} and open it → Install Certificate → Current User.`,
      'Place it in the store “Trusted Root Certification Authorities”.',
    ],
  },
  {
    system: 'Linux',
    steps: [
      `Download ${download}.`,
      'Chrome: Settings → Privacy and security → Security → Manage certificates → Installed by you → Trusted certificates → ' +
        'Import. Firefox, on every system: Settings → Privacy &amp; Security → View Certificates → Authorities → Import, to ' +
        'identify websites.',
      'For other programs, on Debian: <code>sudo cp hearth-authority.crt /usr/local/share/ca-certificates/ &amp;&amp; sudo ' +
        'update-ca-certificates</code>; for Node, <code>NODE_EXTRA_CA_CERTS=hearth-authority.crt</code>.',
    ],
  },
];

/** What other devices do once, so that their browsers open this coordinator without a warning. It has no script. */
export function trustPage({ name, fingerprint, trustUrl, secureUrl }: TrustPageFields): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Trust this Hearth</title>
<style>${style}</style>
</head>
<body>
<h1>Trust this Hearth</h1>
<p>Hearth on this network encrypts what browsers send it: at <a href="${secureUrl}/"><code>${secureUrl}/</code></a>. A browser
warns of that address until it trusts the certificate authority that this Hearth has made for itself:
<b>${escaped(name)}</b>.</p>
<p>On another device, scan this, or open <code>${trustUrl}</code>:</p>
<p>${renderSVG(trustUrl, { border: 2 })}</p>
<h2>First compare</h2>
<p>Anybody on this network could have changed this page. The certificate is the right one only if its SHA-256 fingerprint is
what <code>hearth serve</code> has printed on the coordinator:</p>
<p><code>${fingerprint}</code></p>
<h2>Then install</h2>
${systems.map(section).join('')}
<h2>What it means</h2>
<p>The authority's key lies on the coordinator, in a file that only its user can read. Whoever gets it can pass for this
Hearth. The certificate says that it is for names of that computer, names ending in <code>.local</code>, and addresses that are
used at home only, and for nothing on the internet, and systems that look at such limits keep to that. You can remove it where you installed it at
any time; then browsers warn again, and nothing else changes.</p>
<p>Without it you can tell a browser to go on past its warning. The connection is encrypted then too, but you have no proof of
who is at its other end, and some things, such as installing the page, stay off.</p>
</body>
</html>
`;
}

function section({ system, steps }: Steps): string {
  const items = steps.map((step) => `<li>${step}</li>`).join('\n');
  return `<details><summary>${system}</summary>\n<ol>\n${items}\n</ol></details>\n`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
