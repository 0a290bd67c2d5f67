"""Electronic invoices: the terms of EN 16931, their rules, and how our lines become theirs."""
