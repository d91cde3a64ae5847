# frozen_string_literal: true

# The gems that rake has built.
module Packaged
  def self.source
    find "thruster-rs-#{Thruster::VERSION}.gem"
  end

  def self.native
    find "thruster-rs-#{Thruster::VERSION}-#{Thruster::Executable.platform}.gem"
  end

  def self.find(name)
    path = File.join(PROJECT, "pkg", name)
    raise "#{path} is missing: run these specs by `rake spec:packaging`, which builds the gems" unless File.exist?(path)

    path
  end
  private_class_method :find
end
