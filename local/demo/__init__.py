"""The demo: real invoices, a simulated sales force around them, and what guanxi makes of both."""
