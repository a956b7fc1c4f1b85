"""What several tests share: the source tree, the build, receivers, subprocesses."""
