"""The demo: real supply and demand, played on a running market and checked at the end."""
