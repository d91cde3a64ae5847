# An event stream that says what others post to it.
class EventsController < ApplicationController
  include ActionController::Live

  skip_forgery_protection

  # The first event comes at once. An empty message ends the stream, and so does a minute without one.
  def show
    response.headers["Content-Type"] = "text/event-stream"
    response.headers["Cache-Control"] = "no-cache"
    events = SSE.new(response.stream)
    events.write("listening", event: "open")

    while message = Mailbox.named(params[:id]).take(within: 60)
      events.write(message)
    end
  rescue ActionController::Live::ClientDisconnected
    logger.info "event stream #{params[:id]}: the client has left"
  ensure
    response.stream.close
  end

  def create
    Mailbox.named(params[:id]).put(request.raw_post)
    head :accepted
  end
end
