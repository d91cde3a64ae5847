# frozen_string_literal: true

# Waits for what another process is about to do, and never for ever.
module Eventually
  class Expired < StandardError; end

  # The block's value as soon as it is truthy; Expired if it is not within so many seconds.
  def eventually(what = "the condition", within: 10)
    deadline = now + within
    loop do
      value = yield
      return value if value
      raise Expired, "#{what} did not come true within #{within} s" if now > deadline

      sleep 0.02 # between two looks
    end
  end

  private
    def now
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end
end
