// Run by mongosh, on the new node: makes a replica set of it, and the user as which `guanxi setup` makes the rest. Run
// again, it gives the primary the passwords that `secrets rotate` has made, and changes nothing else. Where it changes,
// the number of the mark in `healthy` changes too.
const fs = require('fs');
const secret = (name) => fs.readFileSync('/run/secrets/guanxi/' + name, 'utf8').trim();

const hosts = (process.env.GUANXI_MEMBERS || 'mongo').split(',');

const admin = db.getSiblingDB('admin');
const before = fs.existsSync('/run/secrets/guanxi/root_password.before') ? secret('root_password.before').split('\n') : [];
for (const password of [secret('root_password'), ...before]) {
  try {
    admin.auth('root', password);
    break;
  } catch (error) {
    if (password === [secret('root_password'), ...before].pop()) throw error;
  }
}
try {
  rs.status();
} catch (error) {
  // MongoDB refuses where a member is away, or knows a set already: a node that
  // begins again empty makes no second one.
  rs.initiate({ _id: 'guanxi', members: hosts.map((host, number) => ({ _id: number, host: host + ':27017' })) });
}
for (let tries = 0; !db.hello().isWritablePrimary; tries += 1) {
  if (tries === 50) throw new Error('no primary after 10 seconds');
  // Another one is the primary: this node began again, and has what that one holds.
  if (db.hello().secondary && db.getSiblingDB('guanxi').getUser('setup')) quit(0);
  sleep(200);
}
const database = db.getSiblingDB('guanxi');
// Owner of this one database: it may grant rights in it, and none elsewhere.
const rights = { pwd: secret('setup_password'), roles: [{ role: 'dbOwner', db: 'guanxi' }] };
if (database.getUser('setup')) {
  database.updateUser('setup', rights);
} else {
  database.createUser({ user: 'setup', ...rights });
}
// For repairs, within the container.
admin.updateUser('root', {
  pwd: secret('root_password'),
  authenticationRestrictions: [{ clientSource: ['127.0.0.1', '::1'] }],
});
