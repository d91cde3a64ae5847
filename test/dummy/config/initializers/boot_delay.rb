# A boot that takes its time, as that of a large app does: so many seconds.
sleep ENV["BOOT_DELAY"].to_f if ENV["BOOT_DELAY"]
