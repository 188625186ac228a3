# %% [markdown]
# # A visitor, step by step
# Open this file as a notebook (Jupytext, VS Code), or run it: `python notebook.py http://127.0.0.1:8080 wk_shop`

# %%
import sys

import sillage

arguments = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
endpoint, write_key = arguments if len(arguments) == 2 else ("http://127.0.0.1:8080", "wk_shop")
client = sillage.Client(write_key, endpoint, app="notebook")
client.on_segments_changed(lambda segments: print("segments are now", segments))

# %% Nothing is known of this visitor yet.
client.page("Home")
client.flush()
print(client.segments)

# %% Two things in the basket within an hour: the collector's rule makes that a hot cart, and the answer says so.
for product, price in (("lamp", 80.5), ("chair", 120.0)):
    client.track("Product Added", {"product_id": product, "price": price, "quantity": 1})
client.flush()
print("an offer is due" if "hot-cart" in client.segments else "no offer")

# %% Paid: the segment is left.
client.track("Order Completed", {"order_id": "o-7", "revenue": 200.5})
client.flush()
print("an offer is due" if "hot-cart" in client.segments else "no offer")

# %% What became of every event; in a notebook the client itself shows it as a table.
print(client)

# %%
client.shutdown()
