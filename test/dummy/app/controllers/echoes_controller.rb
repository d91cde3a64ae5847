# Answers a JSON document with the same document.
class EchoesController < ApplicationController
  skip_forgery_protection

  def create
    Ledger.note(request.headers["X-Request-Id"])
    render json: request.request_parameters.except("echo"), status: :created
  end
end
