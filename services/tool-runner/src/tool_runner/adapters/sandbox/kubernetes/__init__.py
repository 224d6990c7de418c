"""How does code run as a Job of Kubernetes, in a pod of its own that gVisor closes?"""
