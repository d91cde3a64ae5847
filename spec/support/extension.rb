# frozen_string_literal: true

# For examples tagged +native+: they need the extension, in the debug build that can be made to panic.
RSpec.shared_context "with the extension" do
  before(:context) do
    raise "The extension is missing: bundle exec rake compile:native:dev" unless Thruster::Native.available?
  end
end

RSpec.configure { _1.include_context "with the extension", native: true }
