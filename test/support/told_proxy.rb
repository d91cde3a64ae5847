# frozen_string_literal: true

require_relative "../../spec/support/fake_proxy"

# Stands in for thrust where only its control socket matters: takes what it is told, or says what a test wants.
class ToldProxy < FakeProxy
  SECRET = "s3cret-of-a-test"

  # The block may answer a command; nil leaves that to us.
  def initialize(directory, &answers)
    super(directory) do |command|
      answer = answers&.call(command)
      answer || { reply: "ok", configured: { generation: 1, changed: command["settings"].keys, overridden: [], sendfile_secret: SECRET } }
    end
  end

  # All that was told so far.
  def told
    Array.new(asked.size) { asked.pop }.then { @told = [ *@told, *_1 ] }
  end
end
