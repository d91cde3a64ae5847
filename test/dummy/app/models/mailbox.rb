# Messages on their way from one request to another in this process.
class Mailbox
  @mailboxes = Concurrent::Map.new

  def self.named(name)
    @mailboxes.compute_if_absent(name) { new }
  end

  def initialize
    @messages = Queue.new
  end

  def put(message)
    @messages << message
  end

  # The next message; nil if it is empty, or if none came in time.
  def take(within:)
    @messages.pop(timeout: within).presence
  end
end
