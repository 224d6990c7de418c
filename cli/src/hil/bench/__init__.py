"""Measurements that anybody can repeat; each prints a floor or a peer beside its own figures."""
