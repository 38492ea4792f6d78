"""Attacks on the HTTP door from loopback, each bounded in connections, bytes and time, and what others see meanwhile.

`make attacks` prints memory of the door, and p50 and p99 of other clients before, during and after each.
"""
