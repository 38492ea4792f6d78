"""The console, served by query under /console: people look, ask why, and act (docs/console.md).

To add a screen:

1. A file in `screens/` with its value, `SCREEN = Screen(name, path, title, tiles)`. A tile is a name, a title and a
   function that asks the API (`asked.get("boards/tiers")`) and gives what its block shows; asking raises Trouble.
2. A line in `screens/__init__.py`: the order there is the order of the menu.
3. A template `templates/<name>.html` that extends base.html: its block `main` places `{{ tiles.<tile> }}`, and a block
   for each tile, of the tile's name, says what is in it. `{{ row.due_on|day }}`, `|money`, `|number`, `|percent`,
   `|moment`, `|word` write in the reader's language, `_("...")` translates.

Freshness, errors, refreshing, rights and the menu come with that. Texts are English, and translated when shown.
"""
