import { inflate } from '@sparticuz/chromium';

// A process of its own, because the package unpacks into the temporary folder of its process: TMPDIR says where to.
const [from] = process.argv.slice(2);
for (const file of ['chromium.br', 'fonts.tar.br', 'al2023.tar.br']) await inflate(`${from}/${file}`);
