# frozen_string_literal: true

# The gems that rake has built.
module Packaged
  def self.source
    find "thruster-rs-#{Thruster::VERSION}.gem"
  end

  def self.native
    find "thruster-rs-#{Thruster::VERSION}-#{Thruster::Executable.platform}.gem"
  end

  # A script that does what cargo is asked for: a binary of this line of shell, and an extension that is none.
  def self.cargo(line)
    <<~SH
      command=$1
      while [ "$1" != --root ] && [ "$1" != --target-dir ]; do shift; done
      case $command in
        install) mkdir -p "$2/bin" && echo '#{line}' > "$2/bin/thrust" ;;
        build) mkdir -p "$2/release" && : > "$2/release/libthruster_native.#{RbConfig::CONFIG["SOEXT"]}" ;;
      esac
    SH
  end

  def self.find(name)
    path = File.join(PROJECT, "pkg", name)
    raise "#{path} is missing: run these specs by `rake spec:packaging`, which builds the gems" unless File.exist?(path)

    path
  end
  private_class_method :find
end
